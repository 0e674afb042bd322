//! Order exports as bytes: formats, amounts, states, filters, privacy.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod common;

use common::{C, Folder, at, evening, import_bytes, skipped, xlsx};
use reprise_ingest::import::{DateOrder, ImportKind, ImportOptions, Imported, import, write_log};
use reprise_model::event::{Event, EventKind, Order, OrderStatus};
use reprise_model::{Kind, Result};

/// As the platform's seller centre writes it, with a description row, tabs after long numbers and
/// the buyer's columns.
const EXPORT: &str = "\u{feff}Order ID,Order Status,Order Substatus,Cancelation/Return Type,SKU ID,Seller SKU,Product Name,Quantity,Sku Quantity of return,SKU Subtotal After Discount,Order Amount,Created Time,Paid Time,Cancelled Time,Buyer Message,Buyer Username,Recipient,Phone #,Detail Address\r
Platform unique order ID.,Current order status.,Sub status.,Type.,Platform unique SKU ID.,Seller SKU.,Product name.,SKU sold quantity.,Returned.,Subtotal.,Order Amount.,Order created time.,Order paid time.,Order cancelled time.,Message.,Buyer.,Recipient name.,Phone.,Address.\r
\"576461413038785752\t\",Completed,Delivered,,\"1729000000000000001\t\",S-1,Serum,2,0,IDR 129.000,IDR 140.000,\"20/11/2026 19:05:33\t\",\"20/11/2026 19:06:10\t\",\t,please hurry,jane.doe,Jane Doe,(+62)81234567890,\"1 Long Street,\r\nJakarta\"\r
\"576461413038785752\t\",Completed,Delivered,,\"1729000000000000002\t\",S-2,Toner,1,0,\"IDR 50.500\",IDR 140.000,\"20/11/2026 19:05:33\t\",\"20/11/2026 19:06:10\t\",\t,please hurry,jane.doe,Jane Doe,(+62)81234567890,\"1 Long Street,\r\nJakarta\"\r
\"576461413038785753\t\",Cancelled,Cancelled,Cancel,\"1729000000000000001\t\",S-1,Serum,1,0,IDR 64.500,IDR 70.000,\"20/11/2026 19:07:00\t\",\t,\"20/11/2026 20:00:00\t\",,john,John Roe,(+62)81234567891,Elsewhere\r
\"576461413038785754\t\",Completed,Delivered,Return/Refund,\"1729000000000000001\t\",S-1,Serum,1,1,IDR 64.500,IDR 70.000,\"20/11/2026 19:08:00\t\",\"20/11/2026 19:08:10\t\",\t,,john,John Roe,(+62)81234567891,Elsewhere\r
\"576461413038785755\t\",Unpaid,,,\"1729000000000000001\t\",S-1,Serum,1,0,IDR 64.500,IDR 70.000,\"20/11/2026 19:09:00\t\",\t,\t,,john,John Roe,(+62)81234567891,Elsewhere\r
\"576461413038785756\t\",To ship,,,\"1729000000000000001\t\",S-1,Serum,1,0,IDR 64.500,IDR 70.000,\"20/11/2026 23:09:00\t\",\"20/11/2026 23:10:00\t\",\t,,john,John Roe,(+62)81234567891,Elsewhere\r
\"576461413038785757\t\",To ship,,,\"1729000000000000003\t\",S-3,Mug,1,0,IDR 30.000,IDR 30.000,\"20/11/2026 19:09:30\t\",\"20/11/2026 19:10:00\t\",\t,,john,John Roe,(+62)81234567891,Elsewhere\r
\"576461413038785755\t\",Unpaid,,,\"1729000000000000001\t\",S-1,Serum,1,0,IDR 64.500,IDR 70.000,\"20/11/2026 19:09:00\t\",\t,\t,,john,John Roe,(+62)81234567891,Elsewhere\r
";

fn options() -> ImportOptions {
    ImportOptions {
        products: vec!["S-1".to_owned(), "1729000000000000002".to_owned()],
        ..evening()
    }
}

fn orders(imported: &Imported) -> Vec<&Order> {
    let orders = imported.events.iter().map(|event| match &event.kind {
        EventKind::Order(order) => order,
        other => panic!("{other:?}"),
    });
    orders.collect()
}

fn small(rows: &str, options: &ImportOptions) -> Result<Imported> {
    let header =
        "Order ID,Order Status,SKU ID,Quantity,SKU Subtotal After Discount,Created Time,Paid Time";
    import_bytes(ImportKind::Orders, format!("{header}\n{rows}"), options)
}

fn amounts(imported: &Imported) -> Vec<String> {
    orders(imported).iter().map(|order| order.amount.to_string()).collect()
}

#[test]
fn the_export_becomes_events_with_totals() {
    let imported = import_bytes(ImportKind::Orders, EXPORT, &options()).unwrap();
    let report = &imported.report;
    assert_eq!(
        amounts(&imported),
        ["129000 IDR", "50500 IDR", "64500 IDR", "64500 IDR", "64500 IDR"]
    );
    let first = orders(&imported)[0];
    assert_eq!(first.order_id, "576461413038785752");
    assert_eq!(first.product_id.as_deref(), Some("S-1"), "the name that the session uses");
    assert_eq!(first.created_at, Some(at("2026-11-20T12:05:33Z")));
    assert_eq!(first.paid_at, Some(at("2026-11-20T12:06:10Z")));
    assert_eq!(imported.events[0].extra["sku_id"], "1729000000000000001");
    let statuses: Vec<OrderStatus> = orders(&imported).iter().map(|order| order.status).collect();
    use OrderStatus::{Cancelled, Paid, Refunded, Unpaid};
    assert_eq!(statuses, [Paid, Paid, Cancelled, Refunded, Unpaid]);

    let totals = &report.totals;
    assert_eq!((totals.orders, totals.units), (4, 6));
    assert_eq!((totals.cancelled, totals.refunded, totals.unpaid), (1, 1, 1));
    assert_eq!(totals.gross_gmv[0].to_string(), "373000 IDR");
    assert_eq!(totals.net_gmv[0].to_string(), "179500 IDR");
    let expected = [
        ("not of the LIVE's time or products".to_owned(), 2),
        ("the same row again".to_owned(), 1),
    ];
    assert_eq!(skipped(&imported), expected);
    assert_eq!(report.rows, 8);
    assert_eq!(report.rows, report.taken + report.skipped.iter().map(|s| s.count).sum::<u64>());
    assert!(
        report.notes.iter().any(|note| note.ends_with("row 2 describes the columns")),
        "{report:?}"
    );
    assert!(report.skipped[0].examples[0].ends_with("export.csv:10"), "{:?}", report.skipped);
}

#[test]
fn nothing_of_the_buyers_is_written_anywhere() {
    let imported = import_bytes(ImportKind::Orders, EXPORT, &options()).unwrap();
    for name in ["Buyer Username", "Recipient", "Phone #", "Detail Address", "Buyer Message"] {
        assert!(imported.report.columns_dropped.iter().any(|dropped| dropped == name), "{name}");
    }
    let folder = Folder::new();
    let log = folder.path().join("events.jsonl");
    write_log(&imported.events, &log).unwrap();
    let mut written = std::fs::read_to_string(log).unwrap();
    written += &serde_json::to_string(&imported.report).unwrap();
    // Errors too: files without a header, with columns that are swapped, with rows that are cut.
    let data = EXPORT.lines().skip(2).collect::<Vec<_>>().join("\n");
    let bad = [
        data,
        EXPORT.replace("Created Time", "Made"),
        EXPORT.replace("Quantity,", "Units,").replace("Recipient", "Quantity"),
        EXPORT
            .replace("Order Status", "State")
            .replace("Recipient", "Order Status")
            .replace("Paid Time", "P"),
        EXPORT.replace("Created Time", "x").replace("Phone #", "Created Time"),
        EXPORT
            .replace("SKU Subtotal After Discount", "x")
            .replace("Recipient", "SKU Subtotal After Discount"),
        EXPORT.replace("Completed,", "Completed,,,,,,,,"),
    ];
    for text in bad {
        match import_bytes(ImportKind::Orders, text, &options()) {
            Ok(imported) => written += &serde_json::to_string(&imported.report).unwrap(),
            Err(error) => written += &error.to_string(),
        }
    }
    for secret in ["jane", "Jane", "Doe", "Roe", "81234567", "Street", "Elsewhere", "hurry"] {
        assert!(!written.contains(secret), "{secret} is in: {written}");
    }
    assert!(!format!("{:?}", options()).contains("user_key"));
}

#[test]
fn a_setting_takes_the_whole_shop() {
    let whole = ImportOptions { whole_shop: true, from: None, to: None, ..options() };
    let imported = import_bytes(ImportKind::Orders, EXPORT, &whole).unwrap();
    assert_eq!(imported.report.totals.orders, 6);
    assert_eq!(orders(&imported)[0].product_id.as_deref(), Some("1729000000000000001"));
    let unset = ImportOptions { from: None, ..options() };
    let error = import_bytes(ImportKind::Orders, EXPORT, &unset).unwrap_err();
    assert_eq!(error.kind, Kind::Usage);
}

#[test]
fn separators_and_encodings_are_found_out() {
    let table = "Order ID;Order Status;SKU ID;Quantity;SKU Subtotal After Discount;Created Time\n\
                 1;Paid;9;1;IDR 1.299.000,00;20/11/2026 19:05:33\n";
    let wide: Vec<u8> = table.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide_be: Vec<u8> = table.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let files = [
        table.as_bytes().to_vec(),
        table.replace(';', "\t").into_bytes(),
        format!("sep=;\r\n{table}").into_bytes(),
        [b"\xff\xfe".as_slice(), &wide].concat(),
        [b"\xfe\xff".as_slice(), &wide_be].concat(),
        wide,
        format!("Orders of the shop\n\n{table}").into_bytes(),
        table.replace("Paid", "Đã giao").into_bytes(),
        table.replace("1;Paid", "=\"1\";Dibatalkan").into_bytes(),
    ];
    for bytes in files {
        let shown = String::from_utf8_lossy(&bytes).into_owned();
        let imported = import_bytes(ImportKind::Orders, &bytes, &evening()).unwrap();
        assert_eq!(amounts(&imported), ["1299000.00 IDR"], "{shown}");
        assert_eq!(orders(&imported)[0].order_id, "1", "{shown}");
    }
    let latin =
        table.replace("Paid", "x").replace("SKU ID", "SKU ID;N\u{e9}").replace(";9;", ";9;\u{e9};");
    let latin: Vec<u8> = latin.chars().map(|c| c as u8).collect();
    let error = import_bytes(ImportKind::Orders, latin, &evening()).unwrap_err();
    assert!(error.to_string().contains("status"), "{error}");
}

#[test]
fn a_spreadsheet_reads_as_the_text_does() {
    // 2026-11-20 19:05:33 as days since 1899-12-30.
    let serial = 46346.0 + (19.0 * 3600.0 + 5.0 * 60.0 + 33.0) / 86400.0;
    let header = [
        C::T("Order ID"),
        C::T("Order Status"),
        C::T("SKU ID"),
        C::T("Quantity"),
        C::T("SKU Subtotal After Discount"),
        C::T("Created Time"),
        C::T("Recipient"),
    ];
    let bytes = xlsx(&[
        &[&[C::T("Notes")]],
        &[
            &header,
            &[
                C::T("Unique"),
                C::T("Status"),
                C::T("Unique"),
                C::T("Count"),
                C::T("Sum"),
                C::T("When"),
                C::T("Who"),
            ],
            &[
                C::T("576461413038785752"),
                C::T("Completed"),
                C::N(9.0),
                C::N(2.0),
                C::N(41.760000000000005),
                C::D(serial),
                C::T("Jane Doe"),
            ],
            &[
                C::N(576461413038785752.0),
                C::T("Completed"),
                C::N(9.0),
                C::N(2.0),
                C::N(41.76),
                C::D(serial),
                C::T("Jane Doe"),
            ],
            &[C::E, C::E, C::E],
            &[C::T("7"), C::T("Completed"), C::N(9.0), C::N(1.5), C::N(41.76), C::D(serial), C::E],
        ],
    ]);
    let imported = import_bytes(ImportKind::Orders, bytes, &evening()).unwrap();
    assert_eq!(amounts(&imported), ["41.76 IDR"]);
    let order = orders(&imported)[0];
    assert_eq!((order.order_id.as_str(), order.quantity), ("576461413038785752", 2));
    assert_eq!(order.created_at, Some(at("2026-11-20T12:05:33Z")));
    let reasons = skipped(&imported);
    assert!(reasons[0].0.contains("rounded"), "{reasons:?}");
    assert_eq!(reasons[1].0, "the quantity is no whole number");
    assert!(imported.report.skipped[1].examples[0].ends_with(":6"));
    assert!(!serde_json::to_string(&imported.report).unwrap().contains("Jane"));
}

#[test]
fn a_number_that_a_spreadsheet_rounded_is_no_order() {
    let imported = small("5.76461E+17,Paid,9,1,IDR 10.000,2026-11-20 19:05:33,\n1,Paid,9,1,IDR 10.000,2026-11-20 19:05:33,\n", &evening()).unwrap();
    assert_eq!(imported.report.taken, 1);
    assert!(skipped(&imported)[0].0.contains("rounded"));
}

#[test]
fn rows_that_cannot_be_read_are_told_with_line_and_reason() {
    let rows = "1,Paid,9,1,IDR 10.000,2026-11-20 19:05:33,\n\
                ,Paid,9,1,IDR 10.000,2026-11-20 19:05:33,\n\
                3,Paid,9,0,IDR 10.000,2026-11-20 19:05:33,\n\
                4,Paid,9,-1,IDR 10.000,2026-11-20 19:05:33,\n\
                5,Paid,9,1,IDR -10.000,2026-11-20 19:05:33,\n\
                6,Paid,9,1,IDR ten,2026-11-20 19:05:33,\n\
                7,Paid,9,1,IDR 10.000,yesterday,\n\
                8,Paid,9,1,IDR 10.000,,\n\
                9,Strange,9,1,IDR 10.000,2026-11-20 19:05:33,\n\
                10,Paid,9,1,IDR 10.000,2026-11-20 19:05:33,,surplus\n\
                11,Paid,9,1,,2026-11-20 19:05:33,\n";
    let imported = small(rows, &evening()).unwrap();
    assert_eq!(imported.report.taken, 1);
    let text = format!("{:?}", imported.report.skipped);
    for (reason, line) in [
        ("has no order id", 3),
        ("`quantity` must be at least 1", 4),
        ("the quantity is no whole number", 5),
        ("the amount is negative", 6),
        ("the amount cannot be read for certain", 7),
        ("a time cannot be read", 8),
        ("has no time of creation", 9),
        ("the status of the order is not known", 10),
        ("has more cells than the header", 11),
        ("has no amount", 12),
    ] {
        let found = imported.report.skipped.iter().find(|s| s.reason == reason);
        let example = &found.unwrap_or_else(|| panic!("{reason} is not in {text}")).examples[0];
        assert!(example.ends_with(&format!(":{line}")), "{reason}: {example}");
    }
    let error = small("1,Strange,9,1,IDR 10.000,2026-11-20 19:05:33,\n", &evening()).unwrap_err();
    assert_eq!(error.kind, Kind::Malformed);
}

#[test]
fn open_dates_and_currencies_ask_for_a_setting() {
    let rows = "1,Paid,9,1,IDR 10.000,11/05/2026 19:05:33,\n";
    let wide = ImportOptions { whole_shop: true, ..evening() };
    let error = small(rows, &wide).unwrap_err();
    assert_eq!((error.kind, error.place.line), (Kind::Usage, Some(2)));
    let set = ImportOptions { date_order: Some(DateOrder::MonthFirst), ..wide.clone() };
    assert_eq!(small(rows, &set).unwrap().events[0].at, at("2026-11-05T12:05:33Z"));
    // The paid time of another row tells the order of this one.
    let told = format!("{rows}2,Paid,9,1,IDR 1.000,11/05/2026 20:00:00,11/20/2026 20:00:00\n");
    assert_eq!(small(&told, &wide).unwrap().events[0].at, at("2026-11-05T12:05:33Z"));

    let bare = "1,Paid,9,1,20.88,2026-11-20 19:05:33,\n";
    let unset = ImportOptions { currency: None, ..evening() };
    let error = small(bare, &unset).unwrap_err();
    assert_eq!(error.kind, Kind::Usage);
    assert!(error.to_string().contains("currency"), "{error}");
    let zone = ImportOptions { timezone: "Mars/Base".to_owned(), ..evening() };
    assert_eq!(small(bare, &zone).unwrap_err().kind, Kind::Usage);
}

#[test]
fn a_zone_in_the_header_and_changes_of_clocks() {
    let table = "Order ID,Order Status,SKU ID,Quantity,SKU Subtotal After Discount,Created Time (UTC+0)\n\
                 1,Paid,9,1,10,2026-11-20 12:05:33\n";
    let imported = import_bytes(ImportKind::Orders, table, &evening()).unwrap();
    assert_eq!(imported.events[0].at, at("2026-11-20T12:05:33Z"));
    let autumn =
        ImportOptions { timezone: "America/New_York".to_owned(), whole_shop: true, ..evening() };
    let rows = "1,Paid,9,1,10,2026-11-01 01:30:00,\n2,Paid,9,1,10,2026-11-01 03:30:00,\n";
    let imported = small(rows, &autumn).unwrap();
    assert_eq!(imported.report.taken, 1);
    assert!(skipped(&imported)[0].0.contains("twice"));
}

#[test]
fn repeats_across_rows_and_files() {
    let header = "Order ID,Order Status,SKU ID,Product ID,Quantity,SKU Subtotal After Discount,Created Time\n";
    let early = format!(
        "{header}1,Unpaid,9,p,1,10,2026-11-20 19:05:33\n2,Paid,9,p,1,10,2026-11-20 19:05:33\n2,Paid,9,p,2,20,2026-11-20 19:05:33\n2,Paid,8,p,1,5,2026-11-20 19:05:33\n"
    );
    let late = format!("{header}1,Completed,9,p,1,10,2026-11-20 19:05:33\n");
    let folder = Folder::new();
    let files = [folder.file("early.csv", early), folder.file("late.csv", late)];
    let imported = import(ImportKind::Orders, &files, &evening()).unwrap();
    let list = orders(&imported);
    assert_eq!(list.len(), 3);
    assert_eq!(list[0].status, OrderStatus::Paid, "the later export knows more");
    assert_eq!((list[1].quantity, list[1].amount.to_string()), (3, "30 IDR".to_owned()));
    assert_eq!(list[2].product_id.as_deref(), Some("p"), "another SKU of the same product");
    // What was written is read back whole: two SKUs of one product are no repeats.
    let log = folder.path().join("events.jsonl");
    write_log(&imported.events, &log).unwrap();
    let text = std::fs::read_to_string(&log).unwrap();
    let written: Vec<Event> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(written, imported.events);
    assert_eq!(reprise_ingest::read_events(&[log], 0.0).unwrap().summary.taken, 3);
}

#[test]
fn an_order_amount_serves_only_an_order_of_one_line() {
    let table = "Order ID,Order Status,SKU ID,Quantity,Order Amount,Created Time\n\
                 1,Paid,9,1,10,2026-11-20 19:05:33\n\
                 2,Paid,8,1,30,2026-11-20 19:05:33\n2,Paid,9,1,30,2026-11-20 19:05:33\n";
    let imported = import_bytes(ImportKind::Orders, table, &evening()).unwrap();
    assert_eq!(amounts(&imported), ["10 IDR"]);
    assert_eq!(skipped(&imported)[0].1, 2);
}

#[test]
fn columns_can_be_named() {
    let table = "Ref,Zustand,SKU ID,Menge,Summe,Created Time,Recipient\n1,Storniert,9,1,10,2026-11-20 19:05:33,Jane\n";
    let error = import_bytes(ImportKind::Orders, table, &evening()).unwrap_err();
    assert_eq!(error.kind, Kind::Missing);
    assert!(
        error.to_string().contains("`order_id`") && !error.to_string().contains("Jane"),
        "{error}"
    );
    let columns = [("order_id", "Ref"), ("status", "Zustand"), ("amount", "summe")];
    let columns: Vec<(String, String)> =
        columns.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
    let named = ImportOptions { columns: columns.clone(), ..evening() };
    let imported = import_bytes(ImportKind::Orders, table, &named).unwrap();
    assert_eq!(orders(&imported)[0].status, OrderStatus::Cancelled);
    assert!(
        imported.report.columns_used.iter().any(|c| c.field == "order_id" && c.column == "Ref")
    );
    for (field, column, kind) in
        [("order", "Ref", Kind::Usage), ("order_id", "Nowhere", Kind::Missing)]
    {
        let columns = vec![(field.to_owned(), column.to_owned())];
        let wrong = ImportOptions { columns, ..evening() };
        assert_eq!(import_bytes(ImportKind::Orders, table, &wrong).unwrap_err().kind, kind);
    }
}
