#!/bin/sh
# What one would script today: clips of a recording at given times, encoded again and checked with
# ffmpeg's own filters, one pass each.
#
#     user-script.sh RECORDING OUT FROM LENGTH [FROM LENGTH ...]      (seconds)
#
# VIDEO and AUDIO hold the encoder settings. What stands here equals Reprise's default profile,
# pipelines/profiles/h264-720p-fast.toml, at 30 pictures a second; `make bench` sets both from it.
# The thresholds are those of pipelines/standards/live-highlight.toml.
set -eu

VIDEO=${VIDEO:-"-c:v libx264 -threads:v 1 -g:v 60 -crf:v 21 -preset:v veryfast -profile:v high"}
AUDIO=${AUDIO:-"-c:a aac -b:a 160000 -aac_coder:a fast"}

# A pass over the file $1 that measures and writes no media; its words go to the file $2.
pass() {
    clip=$1 words=$2
    shift 2
    ffmpeg -nostdin -hide_banner -nostats -i "$clip" "$@" -f null - 2>"$words" || {
        cat "$words" >&2
        return 1
    }
}

recording=$1 out=$2
shift 2
mkdir -p "$out"
number=0
while [ $# -ge 2 ]; do
    number=$((number + 1))
    base=$out/clip-$(printf %02d "$number")

    # VIDEO and AUDIO are lists of words.
    # shellcheck disable=SC2086
    ffmpeg -nostdin -hide_banner -loglevel warning -y \
        -ss "$1" -i "$recording" -t "$2" $VIDEO $AUDIO -movflags +faststart "$base.mp4"

    ffprobe -v error -show_streams -show_format -of json "$base.mp4" >"$base.json"

    pass "$base.mp4" "$base.freeze.txt" -an -vf freezedetect=n=-60dB:d=1.5
    pass "$base.mp4" "$base.black.txt" -an -vf blackdetect=d=0.3:pic_th=0.98
    pass "$base.mp4" "$base.silence.txt" -vn -af silencedetect=n=-50dB:d=0.4
    pass "$base.mp4" "$base.loudness.txt" -vn -af ebur128=peak=true

    ffmpeg -nostdin -hide_banner -loglevel warning -y \
        -ss 3 -i "$base.mp4" -frames:v 1 -q:v 2 "$base.jpg"
    shift 2
done
