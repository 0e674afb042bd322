//! Arbitrary and damaged bytes: an answer or an error, never a panic.
#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use common::{C, Folder, evening, xlsx};
use reprise_ingest::import::{ImportKind, import};
use reprise_ingest::{load_session, read_events};

const ROUNDS: usize = 150;

/// Reproducible numbers (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    /// `bytes` with a few changed, cut out, doubled or put in.
    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..=self.below(6) {
            let at = self.below(bytes.len());
            let to = (at + self.below(20)).min(bytes.len());
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..to)),
                2 => {
                    let copy = bytes[at..to].to_vec();
                    bytes.splice(at..at, copy);
                }
                3 if !bytes.is_empty() => bytes[at] = self.below(256) as u8,
                _ => {
                    let alphabet = b"\"{}[],:;\n\r\t-.9\xff\x00\xc3e+/ ";
                    let sign = alphabet[self.below(alphabet.len())];
                    bytes.splice(at..at, [sign; 3]);
                }
            }
        }
        bytes
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let log = br#"{"at":"2026-11-20T12:00:36.192Z","type":"order","order_id":"o1","product_id":"p","quantity":2,"amount":{"value":"41.76","currency":"USD"},"status":"paid"}
{"at":"2026-11-20T12:00:03Z","type":"comment","user":"u","text":"hi"}
{"event":"gift","data":{"giftType":1,"repeatCount":3,"repeatEnd":true,"diamondCount":5},"timestamp":1795176337}
"#;
    let orders = "Order ID,Order Status,SKU ID,Quantity,SKU Subtotal After Discount,Created Time,Paid Time\n1,Paid,9,1,\"IDR 10.000,00\",20/11/2026 19:05:33,\n2,Đã hủy,9,1,₫120.000,2026-11-20T19:05:33+07:00,\n";
    let comments = "Time;User;Comment\n2026-11-20 19:05:33;a;hi @you 0812345678901\n";
    let analytics = "Time\tGMV\tLikes\n11/20/2026 7:05 PM\t$1,234.50\t12\n";
    let session = "id = \"a\"\nseller = \"s\"\ncreator = \"c\"\nlanguage = \"id\"\n[[recordings]]\nuri = \"é.flv\"\nstarted_at = 2026-11-20T12:00:03Z\n[[products]]\nid = \"p\"\ntitle = \"A\"\nprice = { value = \"1\", currency = \"USD\" }\n";
    let sheet = xlsx(&[&[
        &[
            C::T("Order ID"),
            C::T("Order Status"),
            C::T("SKU ID"),
            C::T("Quantity"),
            C::T("SKU Subtotal After Discount"),
            C::T("Created Time"),
        ],
        &[C::N(1.0), C::T("Paid"), C::N(9.0), C::N(2.0), C::N(41.76), C::D(46346.8)],
    ]]);
    let wide = orders.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        log.to_vec(),
        zstd::encode_all(log.as_slice(), 1).unwrap(),
        orders.as_bytes().to_vec(),
        comments.as_bytes().to_vec(),
        analytics.as_bytes().to_vec(),
        session.as_bytes().to_vec(),
        br#"{"id":"a","seller":"s","creator":"c","recordings":[{"uri":"x","started_at":"2026-11-20T12:00:03Z"}]}"#.to_vec(),
        sheet,
        wide,
    ]
}

#[test]
fn damaged_files_never_panic() {
    let folder = Folder::new();
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut taken = 0;
    for seed in seeds() {
        for _ in 0..ROUNDS {
            let path = folder.file("x", dice.damage(&seed));
            let _ = load_session(&path);
            let paths = [path];
            taken += read_events(&paths, 1.0).map_or(0, |log| log.summary.taken as usize);
            for kind in ImportKind::ALL {
                taken += import(kind, &paths, &evening()).map_or(0, |done| done.events.len());
            }
        }
    }
    assert!(taken > ROUNDS, "the damage leaves something to read: {taken}");
}

#[test]
fn arbitrary_bytes_never_panic() {
    let folder = Folder::new();
    let mut dice = Dice(42);
    let starts: [&[u8]; 7] = [
        b"",
        b"\x1f\x8b\x08\0",
        b"\x28\xb5\x2f\xfd",
        b"PK\x03\x04",
        b"\xff\xfe",
        b"{",
        b"Time,User,Text\n",
    ];
    for round in 0..ROUNDS {
        let mut bytes = starts[round % starts.len()].to_vec();
        bytes.extend((0..dice.below(300)).map(|_| dice.below(256) as u8));
        let path = folder.file("x", bytes);
        let _ = load_session(&path);
        let paths = [path];
        let _ = read_events(&paths, 1.0);
        for kind in ImportKind::ALL {
            let _ = import(kind, &paths, &evening());
        }
    }
}
