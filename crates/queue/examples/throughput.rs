//! How many jobs a second a queue takes and gives: `throughput URL JOBS THREADS`.
#![allow(clippy::unwrap_used, clippy::print_stdout)] // A measurement for people.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reprise_queue::{Lane, NewJob};
use serde_json::json;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, jobs, threads] = arguments.as_slice() else {
        println!("throughput URL JOBS THREADS");
        return;
    };
    let (jobs, threads): (usize, usize) = (jobs.parse().unwrap(), threads.parse().unwrap());
    let queue = reprise_queue::open(url).unwrap();
    let each = |work: &(dyn Fn(usize) + Sync)| {
        let next = AtomicUsize::new(0);
        let start = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed))
                        && number < jobs
                    {
                        work(number);
                    }
                });
            }
        });
        jobs as f64 / start.elapsed().as_secs_f64()
    };
    let enqueued = each(&|number| {
        let new = NewJob {
            tenant: "measured".to_owned(),
            lane: Lane::Batch,
            kind: "live.recorded".to_owned(),
            key: format!("{}-{number}", std::process::id()),
            body: json!({ "session": number }),
        };
        queue.enqueue(&new).unwrap();
    });
    let done = each(&|_| {
        loop {
            let leased = queue.lease("worker", &Lane::ALL, Duration::from_secs(60)).unwrap();
            if let Some(leased) = leased {
                assert!(queue.finish(&leased.token, json!(null)).unwrap());
                break;
            }
        }
    });
    println!(
        "{jobs} jobs, {threads} threads: enqueue {enqueued:.0}/s, lease and finish {done:.0}/s"
    );
}
