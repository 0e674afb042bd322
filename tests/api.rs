//! The HTTP API of `reprise serve`, over real connections, on clips that a real run made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use reprise_tests::command::descendants;
use reprise_tests::shop::{SELLER, SESSION, Shop};
use reprise_tests::{readback, tree};
use serde_json::{Value, json};

fn remix(template: &str) -> Value {
    json!({ "template": template, "wishes": { "language": "en" } })
}

#[test]
fn a_remix_is_asked_for_followed_served_and_taken_down() {
    let shop = Shop::open(&[]);
    let (served, key) = (&shop.served, shop.key.as_str());
    let plan = json!({ "title": "Saturday deals", "starts_at": "2030-01-05T12:00:00Z", "timezone": "Asia/Jakarta" });
    served.send(key, "PUT", "/plans/sat", &plan).expect(201);
    served.send(key, "PUT", "/plans/sat", &plan).expect(200);
    served
        .send(
            key,
            "PUT",
            "/plans/sat",
            &json!({ "title": "x", "starts_at": "2030-01-05T12:00:00Z", "timezone": "Mars/Base" }),
        )
        .expect(422);
    assert_eq!(served.get(key, "/plans").expect(200).json()["items"][0]["title"], "Saturday deals");

    let wish = json!({ "template": "bold-sale", "wishes": { "language": "en", "off": ["zoom"] }, "plan_id": "sat" });
    let mut preview = wish.clone();
    preview["at_s"] = json!(1.0);
    let picture = served.send(key, "POST", &shop.of_clip("/preview"), &preview).expect(200);
    assert_eq!(picture.headers["content-type"], "image/jpeg");
    assert!(picture.body.starts_with(&[0xff, 0xd8]) && picture.body.len() > 20_000);
    preview["at_s"] = json!(999);
    served.send(key, "POST", &shop.of_clip("/preview"), &preview).expect(422);

    // The brand's own picture instead of its name.
    let png = |bytes: &[u8], status| {
        let headers = [("content-type", "image/png")];
        served.call(key, "PUT", "/brand", &headers, Some(bytes)).expect(status);
    };
    served.get(key, "/brand").expect(404);
    png(b"no picture", 422);
    png(&vec![0; 5 << 20], 413);
    served.send(key, "PUT", "/brand", &json!({})).expect(415);
    let logo =
        std::fs::read(reprise_tests::live::folder().join("overlays/price-card.png")).unwrap();
    png(&logo, 204);
    assert_eq!(served.get(key, "/brand").expect(200).body, logo);
    // After the opening.
    preview["at_s"] = json!(5.0);
    let look = || served.send(key, "POST", &shop.of_clip("/preview"), &preview).expect(200).body;
    let with_logo = look();
    served.call(key, "DELETE", "/brand", &[], None).expect(204);
    assert!(look() != with_logo, "the brand's picture is not drawn");

    let asked = served.post_once(key, &shop.of_clip("/remixes"), "one", &wish).expect(202);
    let job = asked.json()["job_id"].as_str().unwrap().to_owned();
    assert_eq!(asked.headers["location"], format!("/api/v1/jobs/{job}"));
    // The stream ends by itself, with the end of the job.
    let events = served.get(key, &format!("/jobs/{job}/events")).expect(200);
    assert_eq!(events.headers["content-type"], "text/event-stream");
    let events = String::from_utf8(events.body).unwrap();
    let told: Vec<Value> = events
        .lines()
        .filter_map(|line| Some(serde_json::from_str(line.strip_prefix("data: ")?).unwrap()))
        .collect();
    assert_eq!(told.last().unwrap()["state"], "done", "{events}");
    let shares: Vec<f64> = told.iter().filter_map(|job| job["share"].as_f64()).collect();
    assert!(shares.len() >= 3 && shares.is_sorted(), "{shares:?}");

    let id = told.last().unwrap()["remix_id"].as_str().unwrap().to_owned();
    let made = served.get(key, &shop.of_clip(&format!("/remixes/{id}"))).expect(200).json();
    assert_eq!(made["plan_id"], "sat");
    assert!(made["verdicts"].as_array().unwrap().len() > 20, "{made}");
    let link = made["media"]["video"].as_str().unwrap();
    let whole = served.get("", link).expect(200);
    assert_eq!(whole.headers["content-type"], "video/mp4");
    let file = shop.folder.path().join("remix.mp4");
    std::fs::write(&file, &whole.body).unwrap();
    let clip = served.get(key, &shop.of_clip("")).expect(200).json();
    let pictures = readback::read(&file).times.len() as f64;
    let fps = pictures / clip["duration_s"].as_f64().unwrap();
    assert!((20.0..=61.0).contains(&fps), "{pictures} pictures");

    assert_eq!((served.get("", "/livez").status, served.get("", "/readyz").status), (200, 200));
    // A player asks for parts.
    let part = served.call("", "GET", link, &[("range", "bytes=100-199")], None).expect(206);
    assert_eq!(part.body, whole.body[100..200]);
    assert_eq!(part.headers["content-range"], format!("bytes 100-199/{}", whole.body.len()));
    served.call("", "GET", link, &[("range", "bytes=999999999-")], None).expect(416);
    let saved = served.get("", &format!("{link}?download")).expect(200);
    assert!(saved.headers["content-disposition"].to_str().unwrap().starts_with("attachment"));
    served.get("", &link.replacen('.', ".A", 1)).expect(404);
    served.get("", &link.replace("remix.mp4", "remix.json")).expect(404);

    let wish = json!({ "creator": "host-1", "session_id": SESSION, "reason": "asked for" });
    let down = served.send(key, "POST", "/takedowns", &wish).expect(200).json();
    assert!(down["objects"].as_u64().unwrap() > 5, "{down}");
    served.get(key, &format!("/sessions/{SESSION}")).expect(404);
    assert_eq!(served.get(key, "/sessions").expect(200).json()["items"], json!([]));
    served.get("", link).expect(404);
    served.post_once(key, &shop.of_clip("/remixes"), "two", &remix("bold-sale")).expect(404);
    let left = tree::read(&shop.out).into_keys();
    let left: Vec<String> = left.filter(|name| name.ends_with(".mp4")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_part_is_judged_as_if_it_was_cut_and_remixes_are_made_of_it() {
    let shop = Shop::open(&[]);
    let (served, key, path) = (&shop.served, shop.key.as_str(), shop.of_clip(""));
    let clip = served.get(key, &path).expect(200).json();
    let length = clip["duration_s"].as_f64().unwrap();
    let part = |start: f64, end: f64| json!({ "clip_start_s": start, "clip_end_s": end });
    // All of it is judged as it was when it was cut.
    let whole = served.send(key, "POST", &shop.of_clip("/verdicts"), &part(0.0, length));
    let whole = whole.expect(200).json();
    let said = |of: &Value| -> Vec<(String, String, String)> {
        let text = |verdict: &Value, name: &str| verdict[name].as_str().unwrap().to_owned();
        let all = of["verdicts"].as_array().unwrap().iter();
        all.map(|verdict| {
            (text(verdict, "rule"), text(verdict, "verdict"), text(verdict, "detail"))
        })
        .collect()
    };
    assert_eq!(said(&whole), said(&clip));
    assert_eq!(
        (&whole["grade"], &whole["gained"], &whole["lost"]),
        (&clip["grade"], &json!([]), &json!([]))
    );

    // Three seconds are too short to post.
    let short =
        served.send(key, "POST", &shop.of_clip("/verdicts"), &part(1.0, 4.0)).expect(200).json();
    assert_eq!(short["grade"], "rejected");
    assert!(short["lost"].as_array().unwrap().contains(&json!("clip.duration")), "{short}");
    for (start, end) in [(-1.0, 5.0), (0.0, length + 1.0), (3.0, 3.5), (5.0, 1.0)] {
        served.send(key, "POST", &shop.of_clip("/verdicts"), &part(start, end)).expect(422);
        served.send(key, "PATCH", &path, &json!({ "trim": part(start, end) })).expect(422);
    }

    // The fixture's pictures bear their numbers: the remix is exactly the part.
    let fps = 30.0;
    let trim = part(1.0, 6.5);
    let kept = served.send(key, "PATCH", &path, &json!({ "trim": trim })).expect(200).json();
    assert_eq!(kept["trim"], trim);
    assert_eq!(
        said(&kept),
        said(&served.send(key, "POST", &shop.of_clip("/verdicts"), &trim).expect(200).json())
    );
    let wish = json!({ "template": "clean-white", "wishes": { "off": ["hook", "name", "price", "captions", "call_to_action", "plan", "brand", "arrow", "zoom", "music"] } });
    let asked = served.post_once(key, &shop.of_clip("/remixes"), "part", &wish).expect(202).json();
    let job = asked["job_id"].as_str().unwrap();
    let events =
        String::from_utf8(served.get(key, &format!("/jobs/{job}/events")).expect(200).body)
            .unwrap();
    assert!(events.contains("\"state\":\"done\""), "{events}");
    let made = served.get(key, &shop.of_clip("/remixes")).expect(200).json()["items"][0].clone();
    assert!((made["duration_s"].as_f64().unwrap() - 5.5).abs() < 1.5 / fps, "{made}");
    let numbers = |link: &Value, name: &str| {
        let file = shop.folder.path().join(name);
        std::fs::write(&file, served.get("", link.as_str().unwrap()).expect(200).body).unwrap();
        readback::read(&file).numbers
    };
    let (before, after) = (
        numbers(&clip["media"]["video"], "before.mp4"),
        numbers(&made["media"]["video"], "after.mp4"),
    );
    let from = before[30].unwrap();
    let expected: Vec<Option<u32>> = (0..after.len() as u32).map(|n| Some(from + n)).collect();
    assert_eq!(after, expected);
    let mut preview = wish;
    preview["at_s"] = json!(5.9);
    served.send(key, "POST", &shop.of_clip("/preview"), &preview).expect(422);
}

#[test]
fn a_remix_that_nobody_wants_any_more_stops_at_once() {
    let shop = Shop::open(&[]);
    let asked =
        shop.served.post_once(&shop.key, &shop.of_clip("/remixes"), "one", &remix("night-neon"));
    let job = asked.expect(202).json()["job_id"].as_str().unwrap().to_owned();
    let until = Instant::now() + Duration::from_secs(60);
    while descendants(shop.served.id()).len() == 1 {
        assert!(Instant::now() < until, "it does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    let path = format!("/jobs/{job}");
    let now = shop.served.call(&shop.key, "DELETE", &path, &[], None).expect(200).json();
    assert_eq!(now["state"], "cancelled");
    // Its processes end with the worker's next look, twice a second.
    let until = Instant::now() + Duration::from_secs(10);
    while descendants(shop.served.id()).len() > 1 {
        assert!(Instant::now() < until, "it goes on");
        std::thread::sleep(Duration::from_millis(50));
    }
    shop.served.call(&shop.key, "DELETE", &path, &[], None).expect(200);
    let made = shop.served.get(&shop.key, &shop.of_clip("/remixes")).expect(200).json();
    assert_eq!(made["items"], json!([]));
}

#[test]
fn another_sellers_key_finds_nothing_and_equal_wishes_are_one_job() {
    let shop = Shop::open(&["--no-worker"]);
    let (served, key) = (&shop.served, shop.key.as_str());
    let other = served.key("somebody", &[]);
    let plan = json!({ "title": "Mine", "starts_at": "2030-01-05T12:00:00Z" });
    served.send(key, "PUT", "/plans/mine", &plan).expect(201);

    // 100 equal wishes at once.
    let remixes = shop.of_clip("/remixes");
    let ids: Vec<(u16, Value)> = std::thread::scope(|scope| {
        let ask = || {
            let answer = served.post_once(key, &remixes, "same", &remix("soft-beauty"));
            // A burst that is too large is told to wait, and says the same again.
            if answer.status != 429 {
                return (answer.status, answer.json()["job_id"].clone());
            }
            std::thread::sleep(Duration::from_secs(2));
            let answer = served.post_once(key, &remixes, "same", &remix("soft-beauty"));
            (answer.status, answer.json()["job_id"].clone())
        };
        let all: Vec<_> = (0..100).map(|_| scope.spawn(ask)).collect();
        all.into_iter().map(|asked| asked.join().unwrap()).collect()
    });
    let different: BTreeSet<String> = ids.iter().map(|(_, id)| id.to_string()).collect();
    assert_eq!(different.len(), 1, "{different:?}");
    assert!(ids.iter().all(|(status, _)| *status == 202), "{ids:?}");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(served.get(key, "/jobs").expect(200).json()["items"].as_array().unwrap().len(), 1);
    let changed = served.post_once(key, &remixes, "same", &remix("bold-sale")).expect(422).json();
    assert_eq!(changed["type"], "urn:reprise:problem:key_reused");
    served.send(key, "POST", &remixes, &remix("bold-sale")).expect(400);
    let job = ids[0].1.as_str().unwrap().to_owned();

    // Every route of the API's own description, with this seller's names and the other's key.
    let document = served.get("", "/openapi.json").expect(200).json();
    let mut tried = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path = path.strip_prefix("/api/v1").unwrap();
        let named = path
            .replace("{session}", SESSION)
            .replace("{clip}", &shop.clip)
            .replace("{plan}", "mine")
            .replace("{job}", &job)
            .replace("{remix}", "bold-sale-00000000")
            .replace("{account}", "main");
        assert!(!named.contains('{'), "{named}: say here what stands there");
        for method in operations.as_object().unwrap().keys().map(|name| name.to_uppercase()) {
            let body = match (method.as_str(), path) {
                ("POST", "/sessions/{session}/clips/{clip}/preview") => {
                    let mut body = remix("bold-sale");
                    body["at_s"] = json!(1);
                    Some(body)
                }
                ("POST", "/sessions/{session}/clips/{clip}/remixes") => Some(remix("bold-sale")),
                ("POST", "/takedowns") => Some(json!({ "creator": "host-1" })),
                ("POST", "/sessions/{session}/clips/{clip}/verdicts") => {
                    Some(json!({ "clip_start_s": 0, "clip_end_s": 5 }))
                }
                ("POST", path) if path.ends_with("/posts") => {
                    Some(json!({ "account": "main", "privacy": "SELF_ONLY", "caption": "" }))
                }
                ("PUT", "/plans/{plan}") => Some(plan.clone()),
                ("PATCH", _) => Some(json!({ "rating": "up" })),
                _ => None,
            };
            let body = body.map(|body| body.to_string());
            let headers = [("idempotency-key", "other")];
            let bytes = body.as_ref().map(|body| body.as_bytes());
            let answer = served.call(&other, &method, &named, &headers, bytes);
            tried += 1;
            match (method.as_str(), path) {
                // What they write is their own, and of nothing of ours.
                ("PUT", "/plans/{plan}") => assert_eq!(answer.status, 201, "{path}"),
                ("DELETE", "/plans/{plan}") => assert_eq!(answer.status, 404, "{path}"),
                ("POST", "/takedowns") => assert_eq!(answer.json()["objects"], 0, "{path}"),
                (_, path) if path.contains('{') && path != "/plans/{plan}" => {
                    assert_eq!(answer.status, 404, "{method} {path}");
                    assert_eq!(answer.headers["content-type"], "application/problem+json");
                }
                ("GET", "/sessions" | "/jobs") => assert_eq!(answer.json()["items"], json!([])),
                _ => {}
            }
            // Without a key nothing is told at all.
            if path != "/openapi.json" {
                let status = served.call("", &method, &named, &headers, bytes).status;
                assert!([401, 429].contains(&status), "{method} {path}: {status}");
            }
        }
    }
    assert!(tried >= 17, "only {tried} operations");
    assert_eq!(served.get(key, "/plans/mine").expect(200).json()["title"], "Mine");
    assert_eq!(served.get(key, &format!("/jobs/{job}")).expect(200).json()["state"], "waiting");
    served.get(key, &shop.of_clip("")).expect(200);
}

#[test]
fn guests_see_ranges_and_edits_are_kept() {
    let shop = Shop::open(&["--no-worker"]);
    let (served, key) = (&shop.served, shop.key.as_str());
    let guest = served.key(SELLER, &["--guest"]);
    let own = served.get(key, "/sessions").expect(200).json();
    let gmv = own["items"][0]["totals"]["gmv"]["value"].as_str().unwrap().to_owned();
    assert!(gmv.parse::<f64>().unwrap() > 100.0);
    for path in ["/sessions", &format!("/sessions/{SESSION}"), &shop.of_clip("")] {
        let seen = served.get(&guest, path).expect(200);
        let text = String::from_utf8(seen.body).unwrap();
        assert!(
            !text.contains(&gmv) && !text.contains("\"totals\"") && !text.contains("observed"),
            "{text}"
        );
    }
    let live = served.get(&guest, &format!("/sessions/{SESSION}")).expect(200).json();
    assert_eq!(live["ranges"]["gmv"], "5000-10000 USD");
    let highest = live["chart"]["gmv"].as_array().unwrap().iter().filter_map(Value::as_f64);
    assert!((highest.fold(0.0, f64::max) - 1.0).abs() < 1e-9);
    served.send(&guest, "PATCH", &shop.of_clip(""), &json!({ "rating": "up" })).expect(403);
    served.get(&guest, "/jobs").expect(403);

    // What the LIVE's owner says stays, over a new server and a new run.
    let path = shop.of_clip("");
    let found = served.get(key, &path).expect(200).json();
    let ids: Vec<Value> =
        served.get(key, &format!("/sessions/{SESSION}")).expect(200).json()["products"]
            .as_array()
            .unwrap()
            .iter()
            .map(|product| product["id"].clone())
            .collect();
    let other = ids.iter().find(|id| **id != found["products"][0]["id"]).unwrap();
    let change = json!({
        "rating": "down",
        "post": { "title": "<script>alert(1)</script>", "caption": "../../x", "hashtags": ["#a"] },
        "product_ids": [other],
    });
    let changed = served.send(key, "PATCH", &path, &change).expect(200).json();
    assert_eq!((&changed["rating"], &changed["products"][0]["id"]), (&json!("down"), other));
    assert_eq!(changed["suggested_post"], found["post"]);
    let asked = |rule: &str| {
        let all = changed["verdicts"].as_array().unwrap();
        all.iter().find(|verdict| verdict["rule"] == rule).unwrap()["verdict"].clone()
    };
    assert_eq!(
        (asked("product.match"), asked("speech.benefit")),
        (json!("unknown"), json!("unknown"))
    );
    served.send(key, "PATCH", &path, &json!({ "product_ids": ["nothing-of-ours"] })).expect(422);
    served
        .send(
            key,
            "PATCH",
            &path,
            &json!({ "post": { "title": "", "caption": "", "hashtags": ["no sign"] } }),
        )
        .expect(422);
    served.send(key, "PATCH", &path, &json!({ "colour": 1 })).expect(422);
    let again = served.get(key, &path).expect(200).json();
    assert_eq!(again["post"]["title"], "<script>alert(1)</script>");
    assert!(shop.out.join(format!("{SELLER}/{SESSION}/edits/{}.json", shop.clip)).is_file());
    let back = served.send(
        key,
        "PATCH",
        &path,
        &json!({ "rating": null, "post": null, "product_ids": null }),
    );
    let back = back.expect(200).json();
    assert!(back.get("rating").is_none() && back["post"] == found["post"]);

    // A LIVE without consent is the owner's alone.
    let file = shop.out.join(format!("{SELLER}/{SESSION}/session.json"));
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("\"others\"", "\"owner\"", 1)).unwrap();
    std::thread::sleep(Duration::from_secs(6));
    served.get(&guest, &format!("/sessions/{SESSION}")).expect(404);
    assert_eq!(served.get(&guest, "/sessions").expect(200).json()["items"], json!([]));
    served.get(key, &format!("/sessions/{SESSION}")).expect(200);
}

#[test]
fn hostile_names_and_texts_break_nothing() {
    let shop = Shop::open(&["--no-worker"]);
    let (served, key) = (&shop.served, shop.key.as_str());
    let before = outside(&shop);
    let parts = prop_oneof![
        Just("..".to_owned()),
        Just("%2e%2e%2f".to_owned()),
        Just("..%5c".to_owned()),
        Just("%00".to_owned()),
        Just("~plans".to_owned()),
        Just(".stages".to_owned()),
        Just("clip.json".to_owned()),
        Just("'; drop table jobs;--".to_owned()),
        Just("${jndi:ldap://x}".to_owned()),
        Just("\u{202e}gpj.exe".to_owned()),
        "\\PC{1,40}",
    ];
    let cases = if std::env::var_os("REPRISE_ALL").is_some() { 1_000 } else { 120 };
    let mut runner =
        TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let escaped = |text: &str| {
        text.bytes()
            .map(|byte| match byte {
                b'%' | b'.' | b'~' | b'-' => char::from(byte).to_string(),
                byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
                byte => format!("%{byte:02X}"),
            })
            .collect::<String>()
    };
    let tried = runner.run(&(parts, 0..6usize), |(text, place)| {
        let name = escaped(&text);
        let (method, path, body) = match place {
            0 => ("GET", format!("/sessions/{name}"), None),
            1 => ("GET", format!("/sessions/{SESSION}/clips/{name}"), None),
            2 => ("GET", shop.of_clip(&format!("/remixes/{name}")), None),
            3 => ("DELETE", format!("/plans/{name}"), None),
            4 => ("PATCH", shop.of_clip(""), Some(json!({ "post": { "title": text, "caption": text, "hashtags": [] } }))),
            _ => ("POST", shop.of_clip("/remixes"), Some(json!({ "template": "bold-sale", "wishes": { "texts": { "hook": text } }, "plan_id": text }))),
        };
        let body = body.map(|body| body.to_string());
        let bytes = body.as_ref().map(|body| body.as_bytes());
        let answer = served.call(key, method, &path, &[("idempotency-key", "hostile")], bytes);
        if answer.status == 429 {
            std::thread::sleep(Duration::from_millis(1_500));
            return Ok(());
        }
        prop_assert!(answer.status < 500, "{} {}: {}", method, path, answer.status);
        if place < 4 {
            prop_assert_eq!(answer.status, 404, "{} {}", method, path);
        }
        if place == 4 && answer.status == 200 {
            prop_assert_eq!(&answer.json()["post"]["title"], &json!(text));
        }
        Ok(())
    });
    tried.unwrap();
    assert_eq!(outside(&shop), before, "something outside of the seller's folder changed");
}

/// Names of all files but the seller's and the queue's.
fn outside(shop: &Shop) -> BTreeSet<String> {
    let all = tree::read(shop.folder.path()).into_keys();
    all.filter(|name| {
        !name.starts_with(&format!("out/{SELLER}/"))
            && !name.starts_with("serve.db")
            && name != "out/.reprise-tmp/"
    })
    .collect()
}

#[test]
fn the_committed_description_is_that_of_the_code() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let now = serde_json::to_string_pretty(&reprise_api::openapi()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        std::fs::write(&file, &now).unwrap();
    }
    let held = std::fs::read_to_string(&file).unwrap();
    assert!(held == now, "docs/openapi.json is not the code's: UPDATE_SCHEMAS=1 writes it anew");
}
