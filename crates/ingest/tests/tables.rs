//! Comment and analytics tables and chat streams as bytes.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod common;

use std::io::Write;

use common::{C, Folder, at, evening, import_bytes, skipped, xlsx};
use reprise_ingest::import::{ImportKind, ImportOptions, Imported, import};
use reprise_model::event::EventKind;
use reprise_model::{Currency, Kind, Result};

fn comments(text: &str) -> Result<Imported> {
    import_bytes(ImportKind::Comments, text, &evening())
}

fn comment(imported: &Imported, index: usize) -> (Option<String>, String) {
    match &imported.events[index].kind {
        EventKind::Comment { user, text, .. } => (user.clone(), text.clone().unwrap()),
        other => panic!("{other:?}"),
    }
}

fn chat(text: &str) -> Imported {
    import_bytes(ImportKind::Chat, text, &evening()).unwrap()
}

#[test]
fn comments_keep_text_and_a_hash_of_the_user() {
    let table = "Time,Username,Comment\n\
                 2026-11-20 19:05:33,jane.doe,\"is it, red?\nyes\"\n\
                 2026-11-20 19:05:34,john,call 0812-3456-7890 @jane.doe\n\
                 2026-11-20 19:05:34,jane.doe,12\n\
                 2026-11-20 19:05:34,jane.doe,12\n\
                 2026-11-20 10:00:00,early,hello\n\
                 never,x,hello\n\
                 2026-11-20 19:05:36,jane.doe,\n";
    let imported = comments(table).unwrap();
    let (jane, text) = comment(&imported, 0);
    assert_eq!(text, "is it, red?\nyes");
    assert_eq!(imported.events[0].at, at("2026-11-20T12:05:33Z"));
    assert_ne!(jane, comment(&imported, 1).0);
    assert_eq!(comment(&imported, 1).1, "call … @…");
    assert_eq!(jane, comment(&imported, 2).0, "one user has one hash");
    assert_eq!(imported.report.taken, 4, "one may write the same twice");
    let report = &imported.report;
    assert_eq!(report.rows, report.taken + report.skipped.iter().map(|s| s.count).sum::<u64>());
    let expected =
        [("not of the LIVE's time", 1), ("the time cannot be read", 1), ("has no text", 1)];
    let found = skipped(&imported);
    assert_eq!(found.iter().map(|(r, n)| (r.as_str(), *n)).collect::<Vec<_>>(), expected);
    let written =
        serde_json::to_string(&imported.events).unwrap() + &serde_json::to_string(report).unwrap();
    assert!(!written.contains("jane") && !written.contains("0812"), "{written}");
    let other_key = ImportOptions { user_key: [8; 32], ..evening() };
    let other = import_bytes(ImportKind::Comments, table, &other_key).unwrap();
    assert_ne!(jane, comment(&other, 0).0);
}

#[test]
fn a_second_file_of_the_same_comments_adds_nothing() {
    let folder = Folder::new();
    let table = "time;user;text\n2026-11-20 19:05:33;a;hi\n2026-11-20 19:05:33;a;hi\n";
    let files = [
        folder.file("1.csv", table),
        folder.file("2.csv", format!("{table}2026-11-20 19:06:33;b;new\n")),
    ];
    let imported = import(ImportKind::Comments, &files, &evening()).unwrap();
    assert_eq!((imported.report.taken, imported.report.rows), (3, 5));
}

#[test]
fn minutes_are_read_from_text_and_spreadsheets() {
    let table = "Time,GMV,Views,Viewers,Likes,Comments,Product clicks,Shares\n\
                 Start of the minute,Revenue,Views,Viewers,Likes,Comments,Clicks,Shares\n\
                 2026-11-20 19:00,\"Rp1.299.000\",\"1,234\",50,7,3,2,1\n\
                 2026-11-20 19:01,0,10,50,-,3,2,1\n\
                 2026-11-20 19:01,0,10,50,-,3,2,1\n\
                 2026-11-20 19:02,0,1.2K,50,7,3,2,1\n\
                 2026-11-20 22:02,0,1,50,7,3,2,1\n";
    let imported = import_bytes(ImportKind::Analytics, table, &evening()).unwrap();
    assert_eq!(imported.report.taken, 2);
    let EventKind::Minute(minute) = &imported.events[0].kind else { panic!() };
    assert_eq!(minute.gmv.unwrap().to_string(), "1299000 IDR");
    assert_eq!((minute.views, minute.product_clicks, minute.orders), (Some(1234), Some(2), None));
    let EventKind::Minute(second) = &imported.events[1].kind else { panic!() };
    assert_eq!(second.likes, None, "a dash is no figure");
    assert_eq!(imported.report.totals.gross_gmv[0].to_string(), "1299000 IDR");
    assert_eq!(imported.report.columns_dropped, ["Shares"]);
    let found = skipped(&imported);
    assert!(found.contains(&("a figure is no whole number".to_owned(), 1)), "{found:?}");
    assert!(found.contains(&("the same row again".to_owned(), 1)), "{found:?}");
    assert!(found.contains(&("not of the LIVE's time".to_owned(), 1)), "{found:?}");

    let noon = 46346.0 + 19.0 / 24.0;
    let sheet = xlsx(&[&[
        &[C::T("Time"), C::T("GMV"), C::T("Viewers")],
        &[C::D(noon), C::N(20.88), C::N(50.0)],
    ]]);
    let dollars = ImportOptions { currency: Currency::parse("USD"), ..evening() };
    let imported = import_bytes(ImportKind::Analytics, sheet, &dollars).unwrap();
    let EventKind::Minute(minute) = &imported.events[0].kind else { panic!() };
    assert_eq!(minute.gmv.unwrap().to_string(), "20.88 USD");
    assert_eq!(imported.events[0].at, at("2026-11-20T12:00:00Z"));
}

#[test]
fn a_minute_that_the_live_began_in_is_taken_and_other_steps_are_refused() {
    let options = ImportOptions { from: Some(at("2026-11-20T12:00:03Z")), ..evening() };
    let table = "Time,Likes\n2026-11-20 18:59,1\n2026-11-20 19:00,2\n2026-11-20 19:01,3\n";
    let imported = import_bytes(ImportKind::Analytics, table, &options).unwrap();
    assert_eq!(imported.events[0].at, at("2026-11-20T12:00:00Z"));
    let hours = "Time,Likes\n2026-11-20 19:00,1\n2026-11-20 20:00,2\n2026-11-20 21:00,3\n";
    let error = import_bytes(ImportKind::Analytics, hours, &options).unwrap_err();
    assert_eq!(error.kind, Kind::Unsupported);
    assert!(error.to_string().contains("3600 s apart"), "{error}");
    let error = import_bytes(ImportKind::Analytics, "Time,Mood\n2026-11-20 19:00,1\n", &options);
    assert_eq!(error.unwrap_err().kind, Kind::Missing);
}

#[test]
fn a_chat_stream_of_any_wrapping_is_read() {
    let stream = r#"{"event":"chat","data":{"comment":"is it red?","userId":"6776663624629974121","uniqueId":"jane","nickname":"Jane Doe","msgId":"1","createTime":"1795176333000"}}
{"type":"chat","comment":"yes @jane","user":{"userId":"6776663624629974121","nickname":"Jane Doe"},"common":{"msgId":"2","createTime":"1795176334000"}}
["like",{"likeCount":15,"totalLikeCount":83033,"userId":"1","createTime":"1795176335000"}]
{"event":"gift","data":{"giftId":5655,"giftType":1,"repeatCount":2,"repeatEnd":false,"diamondCount":1,"userId":"1"},"timestamp":1795176336}
{"event":"gift","data":{"giftId":5655,"giftType":1,"repeatCount":3,"repeatEnd":true,"diamondCount":5,"userId":"1"},"timestamp":1795176337}
{"event":"gift","data":{"gift":{"gift_id":1,"repeat_count":1,"repeat_end":0,"gift_type":2},"userId":"1"},"timestamp":"2026-11-20T12:05:38Z"}
{"event":"member","data":{"uniqueId":"jane"},"timestamp":1795176339.5}
{"event":"roomUser","data":{"viewerCount":630},"timestamp":"2026-11-20 19:05:40"}
{"event":"social","data":{"displayType":"pm_main_follow_message_viewer_2","msgId":"9","label":"{0:user} followed the host"},"timestamp":1795176341}
{"event":"follow","data":{"displayType":"pm_main_follow_message_viewer_2","msgId":"9"},"timestamp":1795176341}
{"event":"social","data":{"displayType":"pm_mt_guidance_share","msgId":"10"},"timestamp":1795176342}
{"type":"WebcastChatMessage","data":{"comment":"hi","msgId":"1"},"timestamp":1795176343}
{"event":"emote","data":{},"timestamp":1795176343}
{"event":"chat","data":{"comment":"when?"}}
{"event":"chat","data":{"comment":"early"},"timestamp":1695176343}
not json
"#;
    let imported = chat(stream);
    let kinds: Vec<&EventKind> = imported.events.iter().map(|event| &event.kind).collect();
    assert_eq!(comment(&imported, 0).1, "is it red?");
    assert_eq!(comment(&imported, 1).1, "yes @…");
    assert_eq!(comment(&imported, 0).0, comment(&imported, 1).0, "one user in either form");
    assert_eq!(kinds[2], &EventKind::Like { count: 15 });
    assert_eq!(
        kinds[3],
        &EventKind::Gift { count: 3, value: Some(serde_json::json!({"diamonds": 15})) }
    );
    assert_eq!(kinds[4], &EventKind::Gift { count: 1, value: None });
    assert_eq!(
        kinds[5],
        &EventKind::Viewers { concurrent: None, entered: Some(1), impressions: None }
    );
    assert_eq!(
        kinds[6],
        &EventKind::Viewers { concurrent: Some(630), entered: None, impressions: None }
    );
    assert_eq!(kinds[7], &EventKind::Follow { count: 1 });
    assert_eq!(kinds[8], &EventKind::Share { count: 1 });
    assert_eq!(kinds.len(), 9);
    assert_eq!(
        imported.events[6].at,
        at("2026-11-20T12:05:40Z"),
        "times without a zone take the set one"
    );
    assert_eq!(imported.events[5].at, at("2026-11-20T12:05:39.5Z"));
    let found = skipped(&imported);
    for (reason, count) in [
        ("a gift of a streak that goes on; its end is counted", 1),
        ("the same message again", 2),
        ("unknown type `emote`", 1),
        ("not of the LIVE's time", 1),
        ("has no time that can be read", 1),
        ("is not JSON", 1),
    ] {
        assert!(found.contains(&(reason.to_owned(), count)), "{reason}: {found:?}");
    }
    assert_eq!(imported.report.rows, 16);
    let written = serde_json::to_string(&imported.events).unwrap();
    assert!(!written.contains("ane") && !written.contains("6776663624629974121"), "{written}");
}

#[test]
fn a_compressed_chat_and_a_list_are_read() {
    let line = r#"{"event":"like","data":{"likeCount":1},"timestamp":1795176343}"#;
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writeln!(gz, "[\n{line},\n{line}\n]").unwrap();
    let imported = import_bytes(ImportKind::Chat, gz.finish().unwrap(), &evening()).unwrap();
    assert_eq!((imported.report.taken, imported.report.rows), (2, 2));
    let error = import_bytes(ImportKind::Chat, "Time,User\n1,2\n", &evening()).unwrap_err();
    assert_eq!(error.kind, Kind::Malformed);
}

#[test]
fn other_files_are_refused_with_what_to_do() {
    for (bytes, kind, words) in [
        (b"\xd0\xcf\x11\xe0old".as_slice(), Kind::Unsupported, ".xlsx"),
        (b"<html><table>", Kind::Unsupported, "HTML"),
        (b"PK\x03\x04broken", Kind::Malformed, "damaged"),
        (b"", Kind::Missing, "header"),
        (b"a,b\n1,2\n", Kind::Missing, "header"),
    ] {
        for kind_of in [ImportKind::Orders, ImportKind::Comments, ImportKind::Analytics] {
            let error = import_bytes(kind_of, bytes, &evening()).unwrap_err();
            assert_eq!(error.kind, kind, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
    assert_eq!(import(ImportKind::Orders, &[], &evening()).unwrap_err().kind, Kind::Usage);
    let none = import(ImportKind::Chat, &["/nowhere/x".into()], &evening()).unwrap_err();
    assert_eq!(none.kind, Kind::Missing);
    let backwards = ImportOptions { to: evening().from, ..evening() };
    assert_eq!(import_bytes(ImportKind::Orders, "", &backwards).unwrap_err().kind, Kind::Usage);
    let unknown = "likes".parse::<ImportKind>().unwrap_err().to_string();
    assert!(unknown.contains("`orders`, `comments`, `analytics`, `chat`"), "{unknown}");
}

#[test]
fn a_small_file_cannot_become_a_large_one() {
    // 600 MiB of spaces in a few MiB of ZIP.
    let mut part = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    let spaces = vec![b' '; 1 << 20];
    for _ in 0..600 {
        part.write_all(&spaces).unwrap();
    }
    let bytes = common::zip_of_one("xl/sharedStrings.xml", &part.finish().unwrap());
    assert!(bytes.len() < 16 << 20, "{}", bytes.len());
    let error = import_bytes(ImportKind::Orders, bytes, &evening()).unwrap_err();
    assert_eq!(error.kind, Kind::Limit, "{error}");
    // More rows than a spreadsheet can have.
    let rows =
        format!("Time,Likes\n2026-11-20 19:00,1\n{}", "2026-11-20 19:00,1\n".repeat(1 << 20));
    let error = import_bytes(ImportKind::Analytics, rows, &evening()).unwrap_err();
    assert_eq!(error.kind, Kind::Limit, "{error}");
}
