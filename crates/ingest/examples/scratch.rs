//! x
fn main(){ let n=std::time::Instant::now(); let l=reprise_ingest::read_events(&["/tmp/200k.jsonl.gz".into()],0.0).unwrap(); println!("{} {} {:?}", l.summary.lines, l.events.len(), n.elapsed());
 let n=std::time::Instant::now(); reprise_ingest::write_log(&l.events, std::path::Path::new("/tmp/out.jsonl.zst")).unwrap(); println!("write {:?}", n.elapsed()); }
