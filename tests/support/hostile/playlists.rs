//! Playlists and scripts: text that names other files and hosts.

use super::{Case, Lures, Seeds};

/// A media playlist of these lines and segments.
fn media(lines: &[&str], segments: &[&str]) -> String {
    let mut text = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n".to_owned();
    text.push_str("#EXT-X-PLAYLIST-TYPE:VOD\n");
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    for segment in segments {
        text.push_str(&format!("#EXTINF:2.0,\n{segment}\n"));
    }
    text + "#EXT-X-ENDLIST\n"
}

/// A multivariant playlist of these variants.
fn master(lines: &[&str], variants: &[&str]) -> String {
    let mut text = "#EXTM3U\n".to_owned();
    for line in lines {
        text.push_str(line);
        text.push('\n');
    }
    for variant in variants {
        text.push_str("#EXT-X-STREAM-INF:BANDWIDTH=800000,RESOLUTION=160x284\n");
        text.push_str(variant);
        text.push('\n');
    }
    text
}

/// Playlists of HLS.
pub fn cases(lures: &Lures, seeds: &Seeds) -> Vec<Case> {
    let file = lures.file("canary.ts");
    let host = lures.url("segment.ts");
    let port = lures.port;
    let one = |name: &str, segment: &str| Case::new(name, media(&[], &[segment]));
    let mut cases = vec![
        one("segment-of-file-scheme.m3u8", &format!("file://{file}")),
        one("segment-absolute.m3u8", &file),
        one("segment-above.m3u8", "../outside/canary.ts"),
        one("segment-above-within.m3u8", "a/../../outside/canary.ts"),
        one("segment-above-escaped.m3u8", "%2e%2e/outside/canary.ts"),
        one("segment-above-twice-escaped.m3u8", "%252e%252e%252foutside%252fcanary.ts"),
        one("segment-backslash.m3u8", "..\\outside\\canary.ts"),
        one("segment-of-host.m3u8", &host),
        one("segment-of-host-without-scheme.m3u8", &format!("//127.0.0.1:{port}/segment.ts")),
        one("segment-of-host-in-capitals.m3u8", &host.replace("http", "HTTP")),
        one("segment-nul.m3u8", &format!("own.ts\0../outside/canary.ts?{host}")),
        one("segment-concat.m3u8", &format!("concat:own.ts|{file}|{host}")),
        one("segment-subfile.m3u8", &format!("subfile,,start,0,end,0,,:{file}")),
        one("segment-crypto.m3u8", &format!("crypto+{host}")),
        one("segment-data.m3u8", "data:video/mp2t;base64,R0AREABC8CUAAcEAAP8B/w=="),
        one("segment-tcp.m3u8", &format!("tcp://127.0.0.1:{port}")),
        one("segment-is-a-playlist.m3u8", "inner.m3u8")
            .beside("inner.m3u8", media(&[], &[&host, &file])),
        one("segment-is-itself.m3u8", "segment-is-itself.m3u8"),
        one("segment-is-a-folder.m3u8", "folder").link("folder", &lures.outside),
        one("segment-is-a-link.m3u8", "link.ts").link("link.ts", lures.outside.join("canary.ts")),
        one("segment-behind-a-link.m3u8", "folder/canary.ts").link("folder", &lures.outside),
        one("segment-is-its-own-folder.m3u8", "own").link("own", "."),
        one("segment-is-a-circle.m3u8", "circle.ts").link("circle.ts", "circle.ts"),
        one("segment-of-a-long-name.m3u8", &format!("{}.ts", "a".repeat(300))),
        one("segment-below-a-file.m3u8", "segment-below-a-file.m3u8/a.ts"),
        one("segment-is-endless.m3u8", "zero.ts").link("zero.ts", "/dev/zero"),
    ];
    let own = |name: &str, lines: &[&str]| {
        Case::new(name, media(lines, &["own.ts"])).beside("own.ts", seeds.ts.clone())
    };
    let key = |uri: &str| format!("#EXT-X-KEY:METHOD=AES-128,URI=\"{uri}\"");
    let map = |uri: &str| format!("#EXT-X-MAP:URI=\"{uri}\"");
    cases.extend([
        own("key-of-host.m3u8", &[&key(&lures.url("key"))]),
        own("key-of-file.m3u8", &[&key(&format!("file://{}", lures.file("canary.key")))]),
        own("key-above.m3u8", &[&key("../outside/canary.key")]),
        own("map-of-host.m3u8", &[&map(&lures.url("init.mp4"))]),
        own("map-above.m3u8", &[&map("../outside/canary.mp4")]),
        own(
            "variable.m3u8",
            &[
                "#EXT-X-DEFINE:NAME=\"up\",VALUE=\"../outside\"",
                "#EXT-X-DEFINE:QUERYPARAM=\"token\"",
                "#EXTINF:2.0,",
                "{$up}/canary.ts",
            ],
        ),
        own(
            "range-beyond-all.m3u8",
            &["#EXT-X-BYTERANGE:18446744073709551615@18446744073709551615"],
        ),
        own(
            "lengths-beyond-all.m3u8",
            &[
                "#EXT-X-TARGETDURATION:99999999999999999999",
                "#EXTINF:1e308,",
                "own.ts",
                "#EXTINF:-5,",
            ],
        ),
        own(
            "parts-of-host.m3u8",
            &[
                &format!("#EXT-X-PART:DURATION=1,URI=\"{host}\""),
                &format!("#EXT-X-PRELOAD-HINT:TYPE=PART,URI=\"{host}\""),
                &format!("#EXT-X-RENDITION-REPORT:URI=\"{host}\""),
                &format!("#EXT-X-DATERANGE:ID=\"a\",X-ASSET-URI=\"{host}\""),
            ],
        ),
        Case::new("master-of-host.m3u8", master(&[], &[&lures.url("variant.m3u8")])),
        Case::new("master-above.m3u8", master(&[], &["../outside/list.m3u8"])),
        Case::new("master-is-itself.m3u8", master(&[], &["master-is-itself.m3u8"; 3])),
        Case::new("master-in-circles.m3u8", master(&[], &["other.m3u8"]))
            .beside("other.m3u8", master(&[], &["master-in-circles.m3u8"])),
        Case::new(
            "master-with-renditions.m3u8",
            master(
                &[
                    &format!(
                        "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"a\",NAME=\"a\",DEFAULT=YES,URI=\"{}\"",
                        lures.url("audio.m3u8")
                    ),
                    &format!("#EXT-X-SESSION-KEY:METHOD=AES-128,URI=\"{}\"", lures.url("key")),
                    &format!("#EXT-X-SESSION-DATA:DATA-ID=\"x\",URI=\"{}\"", lures.url("data")),
                    &format!("#EXT-X-CONTENT-STEERING:SERVER-URI=\"{}\"", lures.url("steer")),
                ],
                &["own.m3u8"],
            ),
        )
        .beside("own.m3u8", media(&[], &["own.ts"]))
        .beside("own.ts", seeds.ts.clone()),
        Case::new("million-segments.m3u8", media(&[], &vec!["own.ts"; 1_000_000])),
        Case::new("million-variants.m3u8", master(&[], &vec!["own.m3u8"; 300_000])),
        Case::new("one-long-line.m3u8", format!("#EXTM3U\n#EXTINF:2,\n{}", "a/".repeat(4 << 20))),
        Case::new("never-ends.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:0\n#EXTINF:0,\nown.ts\n")
            .beside("own.ts", seeds.ts.clone()),
        Case::new("playlist-named.mp4", media(&[], &[&host, &file])),
        Case::new("playlist-named.ts", media(&[], &[&host, &file])),
        Case::new("playlist-named.flv", media(&[], &["../outside/canary.ts"])),
        Case::new("playlist-after-garbage.ts", format!("\u{feff}\n\n{}", media(&[], &[&host]))),
    ]);
    cases
}

/// Other texts that name files and hosts.
pub fn scripts(lures: &Lures) -> Vec<Case> {
    let (file, host) = (lures.file("canary.ts"), lures.url("a.ts"));
    let concat = format!("ffconcat version 1.0\nfile '{file}'\nfile '{host}'\n");
    let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    vec![
        Case::new("concat.ffconcat", concat.clone()),
        Case::new("concat-named.mp4", concat),
        Case::new(
            "session.sdp",
            format!(
                "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n\
                 m=video {} TCP/RTP/AVP 96\na=rtpmap:96 H264/90000\na=control:{host}\n",
                lures.port
            ),
        ),
        Case::new(
            "list.asx",
            format!("<asx version=\"3.0\"><entry><ref href=\"{host}\"/></entry></asx>"),
        ),
        Case::new(
            "manifest.mpd",
            format!(
                "{xml}<!DOCTYPE MPD [<!ENTITY x SYSTEM \"file://{file}\">]>\n\
                 <MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
                 mediaPresentationDuration=\"PT10S\"><BaseURL>{host}</BaseURL><Period>\
                 <AdaptationSet mimeType=\"video/mp4\"><Representation id=\"1\" bandwidth=\"1\">\
                 <SegmentList><Initialization sourceURL=\"{host}\"/>\
                 <SegmentURL media=\"&x;\"/></SegmentList></Representation></AdaptationSet>\
                 </Period></MPD>"
            ),
        ),
        Case::new(
            "manifest.ism",
            format!("<smil><body><switch><video src=\"{host}\"/></switch></body></smil>"),
        ),
        Case::new(
            "composition.xml",
            format!(
                "{xml}<CompositionPlaylist xmlns=\"http://www.smpte-ra.org/schemas/2067-3/2016\">\
                 <Id>urn:uuid:00000000-0000-0000-0000-000000000001</Id><ExternalAsset>{host}\
                 </ExternalAsset></CompositionPlaylist>"
            ),
        ),
        Case::new(
            "list.pls",
            format!("[playlist]\nFile1={host}\nFile2={file}\nNumberOfEntries=2\n"),
        ),
        Case::new("list.ram", format!("{host}\n{file}\n")),
        Case::new("script.avs", format!("DirectShowSource(\"{host}\")\nImport(\"{file}\")\n")),
        Case::new("picture-%03d.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff\xff\xff\xff".to_vec()),
        Case::new("pipe:0", "pipe:0"),
        Case::new("async:cache:file.mp4", format!("async:cache:{host}")),
        Case::new(
            "billion-laughs.xml",
            (1..12).fold(format!("{xml}<!DOCTYPE l [<!ENTITY a0 \"ha\">"), |text, level| {
                let inner = format!("&a{};", level - 1).repeat(10);
                format!("{text}<!ENTITY a{level} \"{inner}\">")
            }) + "]><l>&a11;</l>",
        ),
    ]
}
