//! Jobs that deliver an event to a webhook: done by the worker itself, a try a lease.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reprise_model::{Error, Kind, Result};
use reprise_publish::messages::CloudEvent;
use reprise_publish::webhooks::{Hook, Next, TIMEOUT, TRIES, next};
use reprise_queue::{Failure, Held, Lane, Leased, NewJob, Progress};
use reprise_store::{PostTo, post};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Slot;

/// The kind of these jobs.
pub const DELIVER: &str = "webhook.deliver";
/// Deliveries at once beside the jobs of the slots, so that a receiver that hangs holds nobody up.
pub(super) const COURIERS: usize = 4;

/// What such a job says.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delivery {
    /// Name of the webhook in the worker's file, which has address and secret.
    hook: String,
    /// The event as it is sent.
    event: Value,
}

/// The job that tells `hook` of an event. Urgent, because it is short and somebody waits.
pub(super) fn job(hook: &Hook, tenant: &str, event: &CloudEvent, body: &Value) -> Result<NewJob> {
    let place = blake3::hash(hook.to.address.as_bytes()).to_hex();
    let delivery = Delivery { hook: hook.name.clone(), event: body.clone() };
    let body = serde_json::to_value(delivery)
        .map_err(|error| Error::new(Kind::Bug, "a job is no JSON").caused_by(error))?;
    Ok(NewJob {
        tenant: tenant.to_owned(),
        lane: Lane::Remix,
        kind: DELIVER.to_owned(),
        key: format!("webhook {} {}", event.id, &place[..32]),
        body,
    })
}

/// `webhook-id`: the same for the same event, and without the dots that separate what is signed.
fn message_id(tenant: &str, event: &CloudEvent) -> String {
    let named = format!("{tenant}\0{}\0{}", event.kind, event.id);
    format!("msg_{}", &blake3::hash(named.as_bytes()).to_hex()[..32])
}

impl Slot<'_> {
    /// Gives a delivery to a courier who is free; gives everything else back.
    pub(super) fn hand_over(&self, leased: Leased) -> Option<Leased> {
        if leased.job.kind != DELIVER {
            return Some(leased);
        }
        let Some(couriers) = &self.couriers else { return Some(leased) };
        match couriers.try_send(leased) {
            Ok(()) => None,
            Err(
                std::sync::mpsc::TrySendError::Full(leased)
                | std::sync::mpsc::TrySendError::Disconnected(leased),
            ) => Some(leased),
        }
    }

    /// Delivers what slots hand over, until no slot is left.
    pub(super) fn carry(&self, handed: &Mutex<Receiver<Leased>>) {
        loop {
            let next = handed.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(leased) = next else { return };
            let ended = self.deliver(&leased);
            self.counts[ended].fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One try; says under which count it falls.
    pub(super) fn deliver(&self, leased: &Leased) -> usize {
        let (job, token) = (&leased.job, &leased.token);
        let failed = |error: String, retry: bool| {
            tracing::warn!(job = job.id, "{error}");
            let replay = format!("reprise jobs retry {}", job.id);
            let failure = Failure { error, replay, retry, ..Failure::default() };
            let told = self.settled(|| self.queue.fail(token, failure.clone()));
            if matches!(told, Ok(true)) { 1 } else { 2 }
        };
        let (hook, event, text) = match self.delivery(leased) {
            Ok(delivery) => delivery,
            // A worker with another file may know it.
            Err(error) => return failed(error.to_string(), error.kind == Kind::Missing),
        };
        // Counted before it is made, so that a receiver that brings workers down is not tried for ever.
        let tried = u32::try_from(job.progress.done).unwrap_or(u32::MAX).saturating_add(1);
        let progress = Progress {
            stage: "deliver".to_owned(),
            done: tried.into(),
            total: tried.max(TRIES).into(),
            stages_finished: tried,
        };
        let held = self.settled(|| self.queue.heartbeat(token, self.options.lease, &progress));
        if !matches!(held, Ok(Held::Ours)) {
            return 2;
        }
        match self.try_once(leased, hook, &event, &text, tried) {
            Ok(Next::Delivered) => {
                let result = serde_json::json!({ "webhook": hook.name, "tries": tried });
                match self.settled(|| self.queue.finish(token, result.clone())) {
                    Ok(true) => 0,
                    _ => 2,
                }
            }
            Ok(Next::Again(wait)) => {
                let wait_s = wait.as_secs();
                tracing::info!(job = job.id, hook = hook.name, tried, wait_s, "not delivered");
                match self.settled(|| self.queue.release(token, wait)) {
                    Ok(true) => 1,
                    _ => 2,
                }
            }
            Ok(Next::GiveUp(why)) => failed(format!("webhook `{}`: {why}", hook.name), false),
            Err(error) => failed(error.to_string(), false),
        }
    }

    /// What is delivered to whom: one text is signed and sent.
    fn delivery(&self, leased: &Leased) -> Result<(&Hook, CloudEvent, String)> {
        let unreadable = |error: serde_json::Error| {
            Error::new(Kind::Malformed, format!("the job's body cannot be read: {error}"))
        };
        let delivery = Delivery::deserialize(&leased.job.body).map_err(unreadable)?;
        let event = CloudEvent::deserialize(&delivery.event).map_err(unreadable)?;
        let hook = self.options.hooks.named(&delivery.hook).ok_or_else(|| {
            let message = format!("no webhook `{}` is in this worker's file", delivery.hook);
            Error::new(Kind::Missing, message)
        })?;
        Ok((hook, event, delivery.event.to_string()))
    }

    fn try_once(
        &self,
        leased: &Leased,
        hook: &Hook,
        event: &CloudEvent,
        text: &str,
        tried: u32,
    ) -> Result<Next> {
        let id = message_id(&leased.job.tenant, event);
        let signed = hook.sign(&id, jiff::Timestamp::now().as_second(), text)?;
        // The answer comes, or not, while the job is still ours.
        let timeout = TIMEOUT.min(self.options.lease * 3 / 4).max(Duration::from_millis(100));
        let to = PostTo { timeout, ..hook.to.clone() };
        let headers = [
            ("content-type", "application/cloudevents+json; charset=utf-8"),
            ("webhook-id", signed.id.as_str()),
            ("webhook-timestamp", signed.timestamp.as_str()),
            ("webhook-signature", signed.signature.as_str()),
        ];
        Ok(next(&post(&to, &headers, text.as_bytes()), tried))
    }
}

/// What slots give to couriers: without a place to wait, so that a delivery is handed over only where
/// one is free.
pub(super) fn counter() -> (SyncSender<Leased>, Mutex<Receiver<Leased>>) {
    let (sender, receiver) = std::sync::mpsc::sync_channel(0);
    (sender, Mutex::new(receiver))
}
