//! Announcements on JetStream: one message each, on a subject of its own, so that each is there once.

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::{Config, LastRawMessageErrorKind};
use futures_util::StreamExt;
use reprise_model::{Error, Kind, Result, WallTime};

use super::{Engine, Line, REQUEST, as_part, no_answer, parsed, told_no};
use crate::announced::{ANNOUNCED_FOR, Announced};
use crate::job::{Job, State};

/// Most events that are asked for at once.
const AT_ONCE: usize = 256;

/// The stream of announcements of a queue.
pub(super) fn stream_config(prefix: &str, replicas: usize) -> Config {
    Config {
        name: format!("{prefix}_events"),
        subjects: vec![format!("{prefix}.events.>")],
        max_age: ANNOUNCED_FOR,
        num_replicas: replicas,
        ..Config::default()
    }
}

impl Engine {
    /// `<prefix>.events.<tenant>.<kind>.<hash of tenant and id>`.
    fn event_subject(&self, tenant: &str, kind: &str, id: &str) -> String {
        let hash = blake3::hash(format!("{tenant}\0{id}").as_bytes()).to_hex();
        format!("{}.events.{}.{}.{}", self.prefix, as_part(tenant), as_part(kind), &hash[..32])
    }

    pub(super) async fn put_event(&self, event: &Announced) -> Result<bool> {
        let payload = serde_json::to_vec(event).map_err(|error| {
            Error::new(Kind::Bug, "an event cannot be written as JSON").caused_by(error)
        })?;
        // Sequence 0: only where the subject holds none yet. Message ids would be forgotten after
        // the stream's duplicate window.
        let message =
            PublishMessage::build().payload(payload.into()).expected_last_subject_sequence(0);
        let subject = self.event_subject(&event.tenant, &event.kind, &event.id);
        let context: &Context = &self.context;
        let answered = match context.send_publish(subject, message).await {
            Ok(answer) => answer.await,
            Err(error) => Err(error),
        };
        match answered {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), PublishErrorKind::WrongLastSequence) => Ok(false),
            Err(error) => Err(no_answer(error)),
        }
    }

    pub(super) async fn has_event(&self, tenant: &str, kind: &str, id: &str) -> Result<bool> {
        let subject = self.event_subject(tenant, kind, id);
        match self.events.get_last_raw_message_by_subject(&subject).await {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => {
                Ok(false)
            }
            Err(error) => Err(no_answer(error)),
        }
    }

    pub(super) async fn events_after(
        &self,
        after: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Announced)>> {
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: after.saturating_add(1),
            },
            ack_policy: AckPolicy::None,
            inactive_threshold: std::time::Duration::from_secs(30),
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let consumer = self.events.create_consumer(config).await.map_err(no_answer)?;
        while found.len() < limit {
            let asked = AT_ONCE.min(limit - found.len());
            let fetched = consumer.fetch().max_messages(asked).messages().await;
            let mut fetched = fetched.map_err(no_answer)?;
            let mut count = 0;
            while let Some(message) =
                tokio::time::timeout(REQUEST, fetched.next()).await.map_err(no_answer)?
            {
                count += 1;
                let message = message.map_err(told_no)?;
                let sequence = message.info().map_err(told_no)?.stream_sequence;
                // What others put on our subjects is none of ours.
                if let Ok(event) = serde_json::from_slice(&message.payload) {
                    found.push((sequence, event));
                }
            }
            if count < asked {
                break;
            }
        }
        // It would go by itself after a while.
        let _ = self.events.delete_consumer(&consumer.cached_info().name).await;
        Ok(found)
    }

    pub(super) async fn parked_jobs(&self, since: WallTime, limit: usize) -> Result<Vec<Job>> {
        let is_new = |line: &Line| line.state == State::Parked && line.changed_at >= since;
        let mut lines: Vec<Line> =
            self.scan(None, None).await?.into_iter().map(|(l, _)| l).collect();
        lines.retain(is_new);
        lines.sort_by_key(|line| std::cmp::Reverse(line.changed_at));
        lines.truncate(limit);
        let mut jobs = Vec::new();
        for line in lines {
            match self.records.get_last_raw_message_by_subject(&line.subject).await {
                Ok(message) => jobs.push(parsed(&message.payload)?),
                Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => {}
                Err(error) => return Err(no_answer(error)),
            }
        }
        // One may have been taken up again meanwhile.
        jobs.retain(|job: &Job| job.state == State::Parked);
        Ok(jobs)
    }
}
