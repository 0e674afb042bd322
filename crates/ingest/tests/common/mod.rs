//! Temporary folders and handmade spreadsheets for the tests of imports.
#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use reprise_ingest::import::{ImportKind, ImportOptions, Imported, import};
use reprise_model::{Currency, Result, WallTime};

/// A folder that is removed with its value.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("reprise-import-{}-{count}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn at(text: &str) -> WallTime {
    WallTime::parse(text).unwrap()
}

/// The evening of 2026-11-20 in Jakarta, rupiahs.
pub fn evening() -> ImportOptions {
    ImportOptions {
        timezone: "Asia/Jakarta".to_owned(),
        from: Some(at("2026-11-20T12:00:00Z")),
        to: Some(at("2026-11-20T14:00:00Z")),
        currency: Currency::parse("IDR"),
        user_key: [7; 32],
        ..ImportOptions::default()
    }
}

pub fn import_bytes(
    kind: ImportKind,
    bytes: impl AsRef<[u8]>,
    options: &ImportOptions,
) -> Result<Imported> {
    let folder = Folder::new();
    import(kind, &[folder.file("export.csv", bytes)], options)
}

/// `(reason, count)` of all that was skipped.
pub fn skipped(imported: &Imported) -> Vec<(String, u64)> {
    imported.report.skipped.iter().map(|s| (s.reason.clone(), s.count)).collect()
}

/// A cell of a handmade spreadsheet.
pub enum C {
    /// Text.
    T(&'static str),
    /// Number.
    N(f64),
    /// Serial date, shown as a date.
    D(f64),
    /// Nothing.
    E,
}

/// A spreadsheet with the given sheets; texts are in the table of shared strings.
pub fn xlsx(sheets: &[&[&[C]]]) -> Vec<u8> {
    let mut strings: Vec<&str> = Vec::new();
    let mut parts: Vec<(String, String)> = Vec::new();
    for (index, rows) in sheets.iter().enumerate() {
        let mut body = String::new();
        for (r, row) in rows.iter().enumerate() {
            body += &format!("<row r=\"{}\">", r + 1);
            for (c, cell) in row.iter().enumerate() {
                let name = format!("{}{}", (b'A' + c as u8) as char, r + 1);
                body += &match cell {
                    C::T(text) => {
                        strings.push(text);
                        format!("<c r=\"{name}\" t=\"s\"><v>{}</v></c>", strings.len() - 1)
                    }
                    C::N(number) => format!("<c r=\"{name}\"><v>{number}</v></c>"),
                    C::D(serial) => format!("<c r=\"{name}\" s=\"1\"><v>{serial}</v></c>"),
                    C::E => String::new(),
                };
            }
            body += "</row>";
        }
        let sheet =
            format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{body}</sheetData></worksheet>");
        parts.push((format!("xl/worksheets/sheet{}.xml", index + 1), sheet));
    }
    let count = sheets.len();
    let each = |f: &dyn Fn(usize) -> String| (1..=count).map(f).collect::<String>();
    let entries = each(&|n| format!("<sheet name=\"S{n}\" sheetId=\"{n}\" r:id=\"rId{n}\"/>"));
    parts.push((
        "xl/workbook.xml".into(),
        format!(
            "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{DOC}\"><sheets>{entries}</sheets></workbook>"
        ),
    ));
    let links = each(&|n| {
        format!(
            "<Relationship Id=\"rId{n}\" Type=\"{DOC}/worksheet\" Target=\"worksheets/sheet{n}.xml\"/>"
        )
    }) + &format!(
        "<Relationship Id=\"rIdA\" Type=\"{DOC}/styles\" Target=\"styles.xml\"/><Relationship Id=\"rIdB\" Type=\"{DOC}/sharedStrings\" Target=\"sharedStrings.xml\"/>"
    );
    parts.push((
        "xl/_rels/workbook.xml.rels".into(),
        format!("<Relationships xmlns=\"{PACKAGE}/relationships\">{links}</Relationships>"),
    ));
    parts.push(("_rels/.rels".into(), format!("<Relationships xmlns=\"{PACKAGE}/relationships\"><Relationship Id=\"rId1\" Type=\"{DOC}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>")));
    parts.push(("xl/styles.xml".into(), format!("<styleSheet xmlns=\"{MAIN}\"><cellXfs count=\"2\"><xf numFmtId=\"0\"/><xf numFmtId=\"22\" applyNumberFormat=\"1\"/></cellXfs></styleSheet>")));
    let shared: String = strings.iter().map(|text| format!("<si><t>{text}</t></si>")).collect();
    parts.push(("xl/sharedStrings.xml".into(), format!("<sst xmlns=\"{MAIN}\">{shared}</sst>")));
    parts.push((
        "[Content_Types].xml".into(),
        format!("<Types xmlns=\"{PACKAGE}/content-types\"/>"),
    ));
    zip(&parts)
}

const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const DOC: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";

/// A ZIP archive without compression.
fn zip(parts: &[(String, String)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in parts {
        let mut crc = flate2::Crc::new();
        crc.update(text.as_bytes());
        let offset = out.len() as u32;
        let mut header = Vec::new();
        header.extend([20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]);
        header.extend(crc.sum().to_le_bytes());
        header.extend((text.len() as u32).to_le_bytes());
        header.extend((text.len() as u32).to_le_bytes());
        header.extend((name.len() as u16).to_le_bytes());
        header.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&header);
        out.extend(name.as_bytes());
        out.extend(text.as_bytes());
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&header);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((parts.len() as u16).to_le_bytes());
    out.extend((parts.len() as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}

/// A ZIP archive of one compressed part, whose stated size is a lie.
pub fn zip_of_one(name: &str, deflated: &[u8]) -> Vec<u8> {
    let mut header = vec![20, 0, 0, 0, 8, 0, 0, 0, 0x21, 0, 0, 0, 0, 0];
    header.extend((deflated.len() as u32).to_le_bytes());
    header.extend(10u32.to_le_bytes());
    header.extend((name.len() as u16).to_le_bytes());
    header.extend([0, 0]);
    let mut out = [b"PK\x03\x04", header.as_slice(), name.as_bytes(), deflated].concat();
    let start = out.len() as u32;
    let entry = [b"PK\x01\x02\x14\x00", header.as_slice(), &[0; 14], name.as_bytes()].concat();
    out.extend(&entry);
    out.extend(b"PK\x05\x06\0\0\0\0\x01\0\x01\0");
    out.extend((entry.len() as u32).to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0, 0]);
    out
}
