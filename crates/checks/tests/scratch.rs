mod common;
use common::*;
use reprise_checks::align;
use reprise_model::Span;
#[test]
fn noise() {
    for f in ["noise/cobra_vad.wav","noise/dfn_clean_freesound_33711.wav","noise/dfn_noisy_snr0.wav","noise/dfn_noise_freesound_573577.wav","noise/noisereduce_cafe.wav",
      "speech/jfk_en.wav","speech/leopard_de_test_de.wav","speech/leopard_empty.wav","speech/leopard_diarization_en.wav","speech/silero_en_60s.wav","speech/silero_es_60s.wav","speech/malaya_example-speaker_mas-aisyah.wav","speech/malaya_example-speaker_shafiqah-idayu.wav","speech/sadtalker_chinese_news.wav","speech/leopard_ja_test_ja.wav", "speech/leopard_fr_test_fr.wav"] {
        let p = shared(&format!("data/{f}")).unwrap();
        let e = heard(&samples(&p, "anull").unwrap());
        let s = &e.sound;
        let act = s.voiced.iter().filter(|&&v| v>=50).count() as f64 / s.voiced.len() as f64;
        println!("{f}: {:.1}s stn {:?} voiced {act:.2} loud {:?} tp {:.2} clipped {:.5} drop {:?}", e.span().seconds(), e.speech_to_noise().map(|x| (format!("sp {:.1} n {:.1} r {:.1} act {:.2} tonal {}", x.speech_db, x.noise_db, x.ratio_db, x.active_share, x.tonal))), s.loudness(), s.true_peak_db, s.clipped_share(), e.dropouts(&Default::default()).len());
    }
}
#[test]
fn original() {
    for f in ["speech/silero_en_60s.wav", "speech/silero_es_60s.wav", "noise/dfn_noisy_snr0.wav","speech/jfk_en.wav"] {
        let p = shared(&format!("data/{f}")).unwrap();
        let wave = samples(&p, "anull").unwrap();
        let n = wave.len();
        let src = heard(&wave);
        let (a,b) = ((2.0*48000.0) as usize, n.min(40*48000) - 24000);
        let span = Span::from_seconds(a as f64/48000.0, b as f64/48000.0);
        let cut: Vec<f32> = wave[a..b].to_vec();
        let show = |name: &str, c: &[f32]| {
            let t = std::time::Instant::now();
            let e = heard(c); let t2 = std::time::Instant::now();
            let x = align(&e.sound, &src.sound, span).unwrap();
            println!("{f} {name}: off {:.1} gain {:.1} miss {:.0} repl {:.0} add {:.0} share {:.3} {:?} {:?} {:?} ms{:?}", x.offset_ms, x.gain_db, x.missing_ms, x.replaced_ms, x.added_ms, x.original_share, x.missing.iter().take(3).map(|s| (s.start.seconds(), s.end.seconds())).collect::<Vec<_>>(), x.replaced.iter().take(4).map(|s| (s.start.seconds(), s.end.seconds())).collect::<Vec<_>>(), x.added.iter().take(3).map(|s| (s.start.seconds(), s.end.seconds())).collect::<Vec<_>>(), t2.elapsed());
            let _ = t;
        };
        show("same", &cut);
        show("aac64", &through_aac(&cut, "64k").unwrap());
        show("aac32", &through_aac(&cut, "32k").unwrap());
        show("aac128", &through_aac(&cut, "128k").unwrap());
        let q: Vec<f32> = through_aac(&cut, "64k").unwrap().iter().map(|x| x*0.5).collect();
        show("-6", &q);
        let mut m = cut.clone(); for x in &mut m[96000..96000+14400] { *x = 0.0 } show("mute300", &m);
        let mut m = cut.clone(); for x in &mut m[96000..96000+7200] { *x = 0.0 } show("mute150", &m);
        let mut m = cut.clone(); let other = cut[200000..248000].to_vec(); m[96000..144000].copy_from_slice(&other); show("repl1s", &m);
        let mut m = cut.clone(); m[96000..96000+7200].copy_from_slice(&other[..7200]); show("repl150", &m);
        let mut m = vec![0f32; 5760]; m.extend(&cut[..cut.len()-5760]); show("shift120", &m);
        let m: Vec<f32> = (0..(cut.len() as f64/1.005) as usize - 2).map(|i| { let x = i as f64*1.005; let k = x as usize; let fr = (x - k as f64) as f32; cut[k]*(1.0-fr)+cut[k+1]*fr }).collect(); show("speed", &m);
        let m: Vec<f32> = cut.iter().enumerate().map(|(i,x)| { let t = i as f32/48000.0; x + 0.03*((t*6.2832*220.0).sin()+(t*6.2832*277.0).sin()+(t*6.2832*330.0).sin())*0.5 }).collect(); show("music", &m);
    }
}
#[test]
fn bands() {
    for f in ["noise/dfn_noisy_snr0.wav","noise/dfn_clean_freesound_33711.wav", "speech/silero_en_60s.wav", "speech/jfk_en.wav","noise/noisereduce_cafe.wav"] {
      for filt in ["anull", "highpass=f=60", "highpass=f=100", "highpass=f=100,lowpass=f=8000"] {
        let e = heard(&samples(&shared(&format!("data/{f}")).unwrap(), filt).unwrap());
        println!("{f} {filt} {:?}", e.speech_to_noise().map(|x| (format!("sp {:.1} n {:.1} r {:.1} act {:.2} tonal {}", x.speech_db, x.noise_db, x.ratio_db, x.active_share, x.tonal))));
      }
    }
    let a = samples(&shared("data/noise/dfn_clean_freesound_33711.wav").unwrap(), "anull").unwrap();
    let b = samples(&shared("data/noise/dfn_noisy_snr0.wav").unwrap(), "anull").unwrap();
    let d: Vec<f32> = a.iter().zip(&b).map(|(x,y)| y-x).collect();
    let p = |v: &[f32]| 10.0*(v.iter().map(|x| x*x).sum::<f32>()/v.len() as f32).log10();
    println!("clean {} noisy {} diff {}", p(&a), p(&b), p(&d));
    let eb = heard(&b); 
    for i in (0..eb.sound.voice_db10.len()).step_by(6) { println!("{} v {} e {} vo {}", i, eb.sound.voice_db10[i], eb.sound.energy_db10[i], eb.sound.voiced[i]); }
}
