//! Real footage made into variants by ffmpeg: frozen or not, lagging or not, black or not.

use std::path::{Path, PathBuf};
use std::process::Command;

use reprise_checks::Policy;

use super::{seen, shared};

/// What a variant must be found to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// A freeze.
    pub frozen: bool,
    /// Lag.
    pub lags: bool,
    /// A black stretch.
    pub black: bool,
}

impl Truth {
    /// Whether `found` is what is true. A freeze may be called lag too.
    pub fn holds(self, found: Self) -> bool {
        found.frozen == self.frozen
            && found.black == self.black
            && (found.lags == self.lags || self.frozen)
    }
}

const GOOD: Truth = Truth { frozen: false, lags: false, black: false };
const FROZEN: Truth = Truth { frozen: true, ..GOOD };
const LAGS: Truth = Truth { lags: true, ..GOOD };
const BLACK: Truth = Truth { black: true, ..GOOD };

/// A variant: what it is called, footage and where in it, filter, rate of the stream, kb/s.
#[derive(Clone, Debug)]
pub struct Variant {
    /// For reports.
    pub name: String,
    /// What is true of it.
    pub truth: Truth,
    source: &'static str,
    from_s: f64,
    filter: String,
    rate: &'static str,
    kbps: u32,
}

const CLEAN: &str = "lives/real-footage-clean/live.flv";
const COAT: &str = "data/video/latentsync_demo1_vertical_1080x1920.mp4";
const KITCHEN: &str = "data/video/latentsync_demo2_vertical_1080x1920.mp4";
const SHIRT: &str = "data/video/latentsync_demo3_vertical_1080x1920.mp4";
const COFFEE: &str = "data/video/sam2_04_coffee.mp4";
/// Where the sources are: name, path, second.
const SOURCES: [(&str, &str, f64); 5] = [
    ("a host in the LIVE", CLEAN, 205.0),
    ("woman in a coat", COAT, 1.0),
    ("man in a kitchen", KITCHEN, 4.0),
    ("man in a shirt", SHIRT, 8.0),
    ("coffee", COFFEE, 1.0),
];
/// Length of a variant, seconds.
pub const LENGTH_S: f64 = 6.0;

/// All variants.
pub fn variants() -> Vec<Variant> {
    let mut all = Vec::new();
    let mut add = |name: String, truth, source, from_s, filter: String, rate, kbps| {
        all.push(Variant { name, truth, source, from_s, filter, rate, kbps });
    };
    let still = "trim=end_frame=1,loop=-1:1:0,setpts=N/30/TB";
    for (index, (name, path, from)) in SOURCES.into_iter().enumerate() {
        for (noise, kbps) in [(0, 2000), (4, 1200), (8, 2500), (16, 2500), (24, 4000)] {
            // Two strengths a source, none at all and the middle one for all.
            if noise != 8 && noise != 16 && (index + noise) % 2 == 1 {
                continue;
            }
            let filter = format!("{still},noise=alls={noise}:allf=t");
            let name = format!("photo ({name}), noise {noise}, {kbps} kb/s");
            add(name, FROZEN, path, from, filter, "30", kbps);
        }
        add(format!("{name}, 25 in 30"), GOOD, path, from, "fps=25,fps=30".into(), "30", 2500);
        let noisy = "fps=25,noise=alls=10:allf=t,fps=30".to_owned();
        add(format!("{name}, noisy camera, 25 in 30"), GOOD, path, from, noisy, "30", 2500);
        let mouth = format!(
            "split[a][b];[a]{still}[s];[b]fps=30,crop=iw*0.2:ih*0.08:iw*0.4:ih*0.3[m];[s][m]overlay=W*0.4:H*0.3:shortest=1"
        );
        if index < 4 {
            let name = format!("{name}, nothing moves but the face's middle");
            add(name, GOOD, path, from, mouth, "30", 2500);
        }
    }
    for (camera, stream) in [
        ("15", "30"),
        ("20", "30"),
        ("24", "30"),
        ("30", "60"),
        ("24", "25"),
        ("12", "30"),
        ("24", "60"),
    ] {
        for (name, path, from) in [SOURCES[1], SOURCES[3]] {
            let filter = format!("fps={camera},fps={stream}");
            add(format!("{name}, {camera} in {stream}"), GOOD, path, from, filter, stream, 2500);
        }
    }
    let plain = |filter: &str| format!("fps=30,{filter}");
    for (name, path, from) in [SOURCES[0], SOURCES[2], SOURCES[3]] {
        let mut one = |what: &str, truth, filter: String| {
            add(format!("{name}, {what}"), truth, path, from, filter, "30", 2500);
        };
        one("telecine 24 in 30", GOOD, "fps=24,telecine=pattern=23,fps=30".into());
        one("black and white", GOOD, plain("hue=s=0"));
        one("dark room", GOOD, plain("eq=brightness=-0.35:contrast=0.6"));
        one("zoomed in slowly", GOOD, plain("zoompan=z='1+0.002*on':d=1:s=720x1280:fps=30"));
        one("half speed", GOOD, "setpts=2*PTS,framerate=fps=30".into());
        one(
            "a still screen beside the host",
            GOOD,
            format!(
                "split[a][b];[a]{still}[s];[b]fps=30,scale=iw*0.3:-2[m];[s][m]overlay=W*0.65:H*0.65:shortest=1"
            ),
        );
        one("black for 0.5 s", BLACK, plain("drawbox=c=black:t=fill:enable='between(t,3,3.5)'"));
        one("pictures lost at random", LAGS, plain("select='gt(random(7),0.25)',fps=30"));
        one("held for 0.5 s each 2 s", LAGS, plain("select='gt(mod(t,2),0.5)',fps=30"));
        one(
            "frozen for 2 s",
            FROZEN,
            plain("select='not(between(t,2,4))',fps=30,noise=alls=4:allf=t"),
        );
    }
    all
}

impl Variant {
    /// Makes it, looks at it, and removes it again: what is found; `None` as [`Variant::make`].
    pub fn judged(&self, folder: &Path, number: usize) -> Option<Truth> {
        let file = self.make(folder, number)?;
        let evidence = seen(&file, None);
        let policy = Policy::default();
        let found = Truth {
            frozen: !evidence.freezes(&policy).is_empty(),
            lags: !evidence.lags(&policy).is_empty(),
            black: !evidence.blacks(&policy).is_empty(),
        };
        let _ = std::fs::remove_file(file);
        Some(found)
    }

    /// The file, made in `folder`; `None` where footage or ffmpeg is absent.
    pub fn make(&self, folder: &Path, number: usize) -> Option<PathBuf> {
        let source = shared(self.source)?;
        let file = folder.join(format!("variant-{number}.mp4"));
        let (from, length) = (self.from_s.to_string(), LENGTH_S.to_string());
        let rate = format!("{}k", self.kbps);
        let graph = format!(
            "scale=720:1280:force_original_aspect_ratio=increase,crop=720:1280,{}",
            self.filter
        );
        let made = Command::new("ffmpeg")
            .args(["-v", "error", "-nostdin", "-y", "-ss", &from, "-t", &length])
            .arg("-i")
            .arg(source)
            .args(["-filter_complex", &graph, "-an", "-t", &length, "-r", self.rate])
            .args(["-c:v", "libx264", "-preset", "superfast", "-threads", "2", "-g", "60"])
            .args(["-b:v", &rate, "-maxrate", &rate, "-bufsize", &rate])
            .arg(&file)
            .status();
        made.ok()?.success().then_some(file)
    }
}
