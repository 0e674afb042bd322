//! Every template with short, long and hostile texts of five languages, painted and measured: nothing
//! leaves the safe zone, overlaps or is drawn where it was not declared.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests fail by panicking.

use std::collections::BTreeMap;

use proptest::prelude::*;
use reprise_model::clip::{Clip, FaceSighting, ProductSighting, Word};
use reprise_model::plan::Plan;
use reprise_model::remix::{Effect, Overlay};
use reprise_model::{MediaTime, Span, WallTime};

use crate::drawing::{Coding, Planes};
use crate::geometry::{Rect, SAFE_ZONE, to_outline};
use crate::painter::Painter;
use crate::text::tests::alone;
use crate::{Coder, Order, Template, Wishes};

const SIZE: (usize, usize) = (720, 1280);
const FPS: f64 = 30.0;
const GRAY: u8 = 126;

/// Language, name, brand, what is said.
const TEXTS: [(&str, &str, &str, &str); 10] = [
    ("en", "Serum", "Kivo", "Look at this! It is soft."),
    (
        "en",
        "Solara Overnight Repair Vitamin C Serum with Hyaluronic Acid, 2 x 50 ml gift box",
        "Solara Laboratories International",
        "This incomprehensibly wonderful serum works overnight and it is only here and only today for \
         everyone who taps the basket",
    ),
    ("id", "Serum", "Kivo", "Lihat ini! Lembut sekali."),
    (
        "id",
        "Serum Vitamin C Perbaikan Semalam dengan Asam Hialuronat kotak hadiah isi dua",
        "Laboratorium Kecantikan Nusantara",
        "Serum ini bekerja semalaman dan hanya ada di sini hanya hari ini untuk semua yang mengetuk \
         keranjang belanja",
    ),
    ("th", "เซรั่ม", "คีโว", "ดู นี่ สิ คะ นุ่ม มาก"),
    (
        "th",
        "เซรั่มวิตามินซีบำรุงผิวข้ามคืนผสมกรดไฮยาลูรอนิก กล่องของขวัญบรรจุสองขวด",
        "ห้องปฏิบัติการความงามแห่งเอเชีย",
        "เซรั่ม ตัวนี้ ทำงาน ข้ามคืน และ มี เฉพาะ ที่นี่ วันนี้ เท่านั้น สำหรับ ทุกคน ที่ กด ตะกร้า",
    ),
    ("ar", "سيروم", "كيفو", "انظروا إلى هذا! ناعم جدا."),
    (
        "ar",
        "سيروم فيتامين سي للإصلاح الليلي مع حمض الهيالورونيك في علبة هدايا من قطعتين",
        "مختبرات الجمال الدولية المتحدة",
        "هذا السيروم يعمل طوال الليل وهو متوفر هنا واليوم فقط لكل من يضغط على السلة الآن",
    ),
    ("zh", "精华", "奇沃", "看 这个！ 很 柔软。"),
    (
        "zh",
        "夜间修护维生素C精华液含透明质酸双瓶礼盒装超值优惠限量发售",
        "国际美容实验室有限公司",
        "这款 精华 整夜 修护 只有 今天 在 这里 才能 买到 点击 购物袋 立即 下单",
    ),
];

fn order(template: &str, (language, name, brand, said): (&str, &str, &str, &str)) -> Order {
    let mut clip: Clip = serde_json::from_str(include_str!("frames_tests.json")).unwrap();
    clip.languages = vec![language.to_owned()];
    name.clone_into(&mut clip.products[0].title);
    clip.products[0].brand = Some(brand.to_owned());
    let said: Vec<&str> = said.split(' ').collect();
    let words = (0..60).map(|index| {
        let from = 0.3 + index as f64 * 0.33;
        Word {
            text: said[index % said.len()].to_owned(),
            clip_start_s: MediaTime::from_seconds(from),
            clip_end_s: MediaTime::from_seconds(from + 0.3),
        }
    });
    clip.words = words.collect();
    clip.product_track = sightings();
    Order {
        clip,
        template: Template::built_in(template).unwrap(),
        wishes: Wishes::default(),
        plan: Some(Plan {
            id: reprise_model::session::Slug::parse("friday").unwrap(),
            title: "Friday".to_owned(),
            starts_at: WallTime::parse("2026-11-27T12:30:00Z").unwrap(),
            timezone: "Asia/Jakarta".to_owned(),
            product_ids: Vec::new(),
        }),
        brand: None,
        coder: Coder::default(),
        encode: toml::from_str(include_str!("../../../pipelines/profiles/h264-720p-fast.toml"))
            .unwrap(),
    }
}

/// A product that is held up, moved about and put away for a while.
fn corners(at: f64) -> Option<[[f64; 2]; 4]> {
    if (8.0..11.0).contains(&at) {
        return None;
    }
    let (x, y) = (330.0 + 120.0 * (at * 0.9).sin(), 720.0 + 90.0 * (at * 0.6).cos());
    let (turn, half) = (0.25 * (at * 0.5).sin(), 95.0);
    let point = |dx: f64, dy: f64| {
        [x + dx * turn.cos() - dy * turn.sin(), y + dx * turn.sin() + dy * turn.cos()]
    };
    Some([point(-half, -half), point(half, -half), point(half, half), point(-half, half)])
}

fn sightings() -> Vec<ProductSighting> {
    let seen = (0..110).map(|index| f64::from(index) * 0.2).filter_map(|at| {
        Some(ProductSighting {
            clip_time_s: MediaTime::from_seconds(at),
            product_id: "p1".to_owned(),
            corners: corners(at)?.map(|corner| corner.map(|value| value as f32)),
        })
    });
    seen.collect()
}

fn zone() -> Rect {
    SAFE_ZONE.of(&Rect::new(0.0, 0.0, SIZE.0 as f64, SIZE.1 as f64))
}

/// Overlays lie in the safe zone, and none that are shown together overlap.
fn assert_apart(overlays: &[Overlay], who: &str) {
    for (index, overlay) in overlays.iter().enumerate() {
        let area = Rect::from(overlay.area);
        // An arrow's area is that of its whole way; its pictures are looked at one by one.
        if overlay.effect == Effect::Arrow {
            continue;
        }
        assert!(zone().holds(&area), "{who}: {overlay:?} leaves the safe zone");
        for other in &overlays[..index] {
            if other.effect != Effect::Arrow && Span::from(other.span).overlaps(overlay.span.into())
            {
                let other_area = Rect::from(other.area);
                assert!(!area.overlaps(&other_area), "{who}: {overlay:?} lies on {other:?}");
            }
        }
    }
}

#[test]
fn nothing_overlaps_leaves_the_zone_or_is_drawn_undeclared() {
    alone(|| {
        for template in Template::names() {
            for text in TEXTS {
                let who = format!("{template} in {}: {}", text.0, text.1);
                let order = order(template, text);
                let planned = order.plan().unwrap();
                let overlays = planned.scene.overlays.clone();
                assert_apart(&overlays, &who);
                let kinds: Vec<Effect> = overlays.iter().map(|overlay| overlay.effect).collect();
                for effect in [Effect::Hook, Effect::Name, Effect::Price, Effect::Captions] {
                    assert!(kinds.contains(&effect), "{who}: no {effect:?}");
                }
                for effect in [Effect::CallToAction, Effect::Plan, Effect::Brand, Effect::Arrow] {
                    assert!(kinds.contains(&effect), "{who}: no {effect:?}");
                }
                let cut = overlays
                    .iter()
                    .find(|overlay| overlay.is_cut && overlay.effect != Effect::Brand);
                assert!(cut.is_none(), "{who}: {cut:?} is cut off");
                let mut scene = planned.scene.clone();
                // A gray picture stays gray wherever it is looked at from.
                scene.views.fill(crate::zoom::View::WHOLE);
                let arrows = scene.arrows.clone();
                let mut painter = Painter::new(scene, Coding { bt601: false, full_range: false });
                for number in (0..660).step_by(41) {
                    let painted = painted(&mut painter, number);
                    let at = MediaTime::from_seconds((number as f64 + 0.5) / FPS);
                    let mut allowed: Vec<Rect> = overlays
                        .iter()
                        .filter(|overlay| {
                            overlay.effect != Effect::Arrow && Span::from(overlay.span).contains(at)
                        })
                        // The shadow, and what sliding in and popping up takes.
                        .map(|overlay| Rect::from(overlay.area).widened(60.0))
                        .collect();
                    if let Some(arrow) = arrows[number] {
                        let [x, y] = arrow.tip;
                        allowed.push(Rect::new(x - 150.0, y - 150.0, 300.0, 300.0));
                    }
                    for (x, y) in painted {
                        let dot = Rect::new(x as f64, y as f64, 1.0, 1.0);
                        let inside = allowed.iter().any(|area| area.holds(&dot));
                        assert!(
                            inside,
                            "{who}: something is drawn at {x}, {y} of picture {number}"
                        );
                        assert!(
                            zone().widened(60.0).holds(&dot),
                            "{who}: {x}, {y} of picture {number} is outside the safe zone"
                        );
                    }
                }
            }
        }
    });
}

/// How much of a face is covered, as a share of it, on average over the clip; and the arrow's pictures on
/// it. Where the face is, is told or not.
fn face_covered(template: &str, face: Rect, is_told: bool) -> (f64, usize) {
    let mut order = order(template, TEXTS[0]);
    order.clip.faces = (0..18)
        .map(|index| FaceSighting {
            clip_time_s: MediaTime::from_seconds(f64::from(index) * 1.25),
            area: face.into(),
        })
        .collect();
    let told = order.clip.clone();
    if !is_told {
        order.clip.faces.clear();
    }
    let scene = order.plan().unwrap().scene;
    let faces = crate::face::shown(&told, &scene.views, FPS);
    assert!(faces.len() > 100);
    let (mut covered, mut arrows) = (0.0, 0);
    for shown in &faces {
        let overlays = scene.overlays.iter().filter(|overlay| {
            let span = (overlay.span.start.seconds(), overlay.span.end.seconds());
            overlay.effect != Effect::Arrow && shown.meets(span)
        });
        covered += overlays.map(|o| Rect::from(o.area).share_of(&shown.area)).sum::<f64>();
        let tip = scene.arrows[(shown.shown_s.0 * FPS) as usize].map(|arrow| arrow.tip);
        arrows +=
            usize::from(tip.is_some_and(|[x, y]| shown.area.holds(&Rect::new(x, y, 0.0, 0.0))));
    }
    (covered / faces.len() as f64, arrows)
}

#[test]
fn a_known_face_is_left_free() {
    alone(|| {
        for template in Template::names() {
            for face in
                [Rect::new(280.0, 240.0, 150.0, 190.0), Rect::new(120.0, 330.0, 190.0, 240.0)]
            {
                let (covered, arrows) = face_covered(template, face, true);
                let (before, _) = face_covered(template, face, false);
                // A product, the LIVE's own cards and a face leave a template little room.
                assert!(covered < before && covered < 0.2, "{template}: {covered:.3}, {before:.3}");
                assert_eq!(arrows, 0, "{template}: arrows on the face");
            }
        }
    });
}

/// Every 4th pixel of every 4th row that a picture is changed at.
fn painted(painter: &mut Painter, number: usize) -> Vec<(usize, usize)> {
    let (width, height) = SIZE;
    let mut planes =
        [vec![GRAY; width * height], vec![128; width * height / 4], vec![128; width * height / 4]];
    let [luma, blue, red] = &mut planes;
    let planes_of = [(&mut luma[..], width), (&mut blue[..], width / 2), (&mut red[..], width / 2)];
    painter.paint(&mut Planes { width, height, planes: planes_of }, number);
    let all = (0..height).step_by(4).flat_map(|y| (0..width).step_by(4).map(move |x| (x, y)));
    all.filter(|(x, y)| planes[0][y * width + x].abs_diff(GRAY) > 3).collect()
}

#[test]
fn the_arrows_tip_is_at_the_product() {
    alone(|| {
        for template in Template::names() {
            let mut order = order(template, TEXTS[0]);
            order.wishes.off = vec![Effect::Zoom];
            let planned = order.plan().unwrap();
            let (mut near, mut all) = (0, 0);
            for (number, arrow) in planned.scene.arrows.iter().enumerate() {
                let (Some(arrow), Some(truth)) = (arrow, corners(number as f64 / FPS)) else {
                    continue;
                };
                all += 1;
                near += usize::from(to_outline(arrow.tip, &truth) <= 40.0);
            }
            assert!(all > 120, "{template}: shown in {all} pictures");
            assert!(near as f64 >= 0.95 * f64::from(all), "{template}: near in {near} of {all}");
        }
    });
}

#[test]
fn posts_through_the_api_carry_no_branding_and_no_promotion() {
    alone(|| {
        let mut order = order("bold-sale", TEXTS[1]);
        order.wishes.target = reprise_model::remix::Target::PlatformApi;
        order.wishes.texts = BTreeMap::from([(Effect::Hook, "Buy now".to_owned())]);
        let planned = order.plan().unwrap();
        let kinds: Vec<Effect> =
            planned.scene.overlays.iter().map(|overlay| overlay.effect).collect();
        assert!(
            kinds.iter().all(|kind| matches!(kind, Effect::Captions | Effect::Arrow)),
            "{kinds:?}"
        );
    });
}

#[test]
fn what_is_switched_off_is_not_there() {
    alone(|| {
        for effect in Effect::ALL {
            let mut order = order("street-tag", TEXTS[0]);
            order.wishes.off = vec![effect];
            let planned = order.plan().unwrap();
            assert!(
                planned.scene.overlays.iter().all(|overlay| overlay.effect != effect),
                "{effect:?}"
            );
            if effect == Effect::Zoom {
                assert!(!planned.scene.views.iter().any(crate::zoom::View::is_near));
            }
        }
    });
}

/// `REPRISE_ALL=1` tries all; letters of rare scripts take half a second a case to find fonts for.
fn cases() -> u32 {
    if std::env::var_os("REPRISE_ALL").is_some() { 1000 } else { 40 }
}

#[test]
fn hostile_names_and_captions_break_nothing() {
    alone(|| {
        proptest!(ProptestConfig::with_cases(cases()), |(
            name in ".{0,200}",
            hook in "[\\PC\u{0}-\u{1f}\u{202a}-\u{202e}]{0,120}",
            word in ".{0,40}",
            index in 0usize..6,
        )| {
            let template = Template::names().nth(index).unwrap();
            let mut order = order(template, ("en", "", "<script>alert(1)</script>", "a b"));
            order.clip.products[0].title = name.clone();
            order.wishes.texts = BTreeMap::from([
                (Effect::Hook, hook),
                (Effect::CallToAction, "../../../etc/passwd\u{0}%s%n".to_owned()),
            ]);
            for spoken in order.clip.words.iter_mut().take(6) {
                word.clone_into(&mut spoken.text);
            }
            order.clip.words.truncate(6);
            let planned = order.plan().unwrap();
            assert_apart(&planned.scene.overlays, &name);
        });
    });
}
