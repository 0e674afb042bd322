//! What collecting evidence of pictures costs, for the examples that print it.

use reprise_checks::EvidenceCollector;
use reprise_media::view::{Observer, PictureView, SoundView};

/// Seconds that this thread has run (Linux).
pub fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
}

/// Pictures alone, and the CPU seconds that looking at them takes.
pub struct Pictures(pub EvidenceCollector, pub f64);

impl Observer for Pictures {
    fn picture(&mut self, picture: &PictureView<'_>) {
        let start = cpu_s();
        self.0.picture(picture);
        self.1 += cpu_s() - start;
    }
    fn sound(&mut self, _: &SoundView<'_>) {}
}
