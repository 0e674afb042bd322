//! Posting to a stand-in that holds the client to every rule of the platform's public documentation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // Tests fail by panicking.

use std::path::Path;
use std::time::Duration;

use reprise_model::posted::{PostState, PostWish, Posted, Privacy};
use reprise_model::remix::{Effect, Remix};
use reprise_model::{Kind, Result};
use reprise_publish::SessionFolder;
use reprise_publish::posting::{Accounts, Posting, check_post_wish, post_remix};
use reprise_servers::{PlatformBehaviour, PlatformServer};
use serde_json::json;

/// A remix with what posting looks at.
fn remix(mp4: &[u8], effects: &[Effect]) -> Remix {
    serde_json::from_value(json!({
        "remix_id": "night-neon-1", "clip_id": "c1", "session_id": "evening", "template": "night-neon",
        "target": "platform_api", "duration_s": 20.0, "width": 720, "height": 1280, "fps": 30.0,
        "effects": effects, "overlays": [], "notes": [], "verdicts": [], "unverified": [],
        "post": { "title": "", "caption": "", "hashtags": [], "product_ids": [] },
        "clip_blake3": "", "remix_blake3": blake3::hash(mp4).to_hex().to_string(),
    }))
    .unwrap()
}

fn wish(privacy: Privacy) -> PostWish {
    PostWish {
        account: "main".to_owned(),
        privacy,
        caption: "Serum #deal".to_owned(),
        disable_comment: true,
        disable_duet: false,
        disable_stitch: false,
        own_business: true,
        paid_partnership: false,
    }
}

struct Ground {
    folder: tempfile::TempDir,
    server: PlatformServer,
}

impl Ground {
    fn new(behaviour: PlatformBehaviour) -> Self {
        let ground = Self {
            folder: tempfile::tempdir().unwrap(),
            server: PlatformServer::start(behaviour.clone()),
        };
        let text = format!(
            "[[accounts]]\nname = \"main\"\nseller = \"acme\"\ntoken_file = \"token\"\naudited = {}\napi = \"{}\"\n",
            behaviour.audited,
            ground.server.url()
        );
        std::fs::write(ground.folder.path().join("accounts.toml"), text).unwrap();
        std::fs::write(ground.folder.path().join("token"), "act.right\n").unwrap();
        ground
    }

    fn accounts(&self) -> Accounts {
        Accounts::read(&self.folder.path().join("accounts.toml")).unwrap()
    }

    fn post(&self, name: &str, mp4: &[u8], wish: &PostWish, effects: &[Effect]) -> Result<Posted> {
        let store = reprise_store::open(self.out().to_str().unwrap()).unwrap();
        let folder = SessionFolder::new(store.as_ref(), "acme", "evening").by("host");
        let accounts = self.accounts();
        let remix = remix(mp4, effects);
        let posting = Posting {
            post_id: name,
            remix: &remix,
            mp4,
            wish,
            account: accounts.named("acme", "main").unwrap(),
            progress: &|_, _| (),
        };
        post_remix(&folder, "acme", &posting)
    }

    fn out(&self) -> std::path::PathBuf {
        self.folder.path().join("out")
    }
}

fn film(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 31 % 251) as u8).collect()
}

fn record(out: &Path, name: &str) -> Posted {
    let file = out.join(format!("acme/evening/posts/c1/{name}.json"));
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

#[test]
fn files_of_every_size_arrive_whole_and_no_rule_is_broken() {
    let ground = Ground::new(PlatformBehaviour::default());
    // Five posts: a sixth is under way below, and more a minute are not allowed.
    for (name, bytes) in
        [("a", 1), ("b", 4_999_999), ("c", 5_000_000), ("d", 20 << 20), ("e", 50_000_123)]
    {
        let film = film(bytes);
        let posted =
            ground.post(name, &film, &wish(Privacy::PublicToEveryone), &[Effect::Music]).unwrap();
        assert_eq!(posted.state, PostState::Published);
        assert_eq!(posted.platform_ids, ["7300000000000000001"]);
        let there = ground.server.posts().remove(&posted.publish_id).unwrap();
        assert!(there.file == film, "{bytes} bytes did not arrive as they were");
        assert_eq!(there.about["post_info"]["title"], "Serum #deal");
        assert_eq!(there.about["post_info"]["brand_organic_toggle"], true);
        let held = record(&ground.out(), name);
        assert_eq!((held.state, held.upload_url), (PostState::Published, None));
    }
    // The same post again is the same post.
    let again = ground.post("e", &film(50_000_123), &wish(Privacy::PublicToEveryone), &[]).unwrap();
    assert_eq!(again.state, PostState::Published);
    assert_eq!(ground.server.posts().len(), 5);
    assert_eq!(ground.server.faults(), Vec::<String>::new());
}

#[test]
fn broken_connections_cost_a_chunk_at_most_and_nothing_is_posted_twice() {
    let behaviour =
        PlatformBehaviour { drops_after: vec![1, 4], busy_at: vec![2], ..Default::default() };
    let ground = Ground::new(behaviour);
    let film = film(45 << 20);
    let posted = ground.post("a", &film, &wish(Privacy::SelfOnly), &[]).unwrap();
    assert_eq!(posted.state, PostState::Published);
    let posts = ground.server.posts();
    assert_eq!(posts.len(), 1);
    assert!(posts[&posted.publish_id].file == film);
    assert_eq!(ground.server.faults(), Vec::<String>::new());
}

#[test]
fn what_may_not_be_posted_is_told_before_anything_is_sent() {
    let ground = Ground::new(PlatformBehaviour { audited: false, ..Default::default() });
    let film = film(1000);
    let refused = |wish: &PostWish, effects: &[Effect], words: &str| {
        let error = ground.post("a", &film, wish, effects).unwrap_err();
        assert_eq!(error.kind, Kind::Usage, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    refused(&wish(Privacy::SelfOnly), &[Effect::Captions, Effect::Price], "price");
    refused(&wish(Privacy::SelfOnly), &[Effect::Brand], "download this one");
    refused(&wish(Privacy::PublicToEveryone), &[], "not audited");
    refused(&wish(Privacy::FollowerOfCreator), &[], "not audited");
    let long = PostWish { caption: "ä".repeat(2201), ..wish(Privacy::SelfOnly) };
    refused(&long, &[], "2200");
    std::fs::write(ground.folder.path().join("token"), "act.old").unwrap();
    refused(&wish(Privacy::SelfOnly), &[], "renew it");
    std::fs::write(ground.folder.path().join("token"), "act.\u{1}bad").unwrap();
    let error = ground.post("a", &film, &wish(Privacy::SelfOnly), &[]).unwrap_err();
    assert!(!error.to_string().contains("bad"), "{error}");
    assert!(ground.server.posts().is_empty());
    // A renewed token needs no restart.
    std::fs::write(ground.folder.path().join("token"), "act.right").unwrap();
    ground.post("a", &film, &wish(Privacy::SelfOnly), &[]).unwrap();
    // What the account does not offer is refused by what it says of itself.
    let audited = Ground::new(PlatformBehaviour::default());
    let error = audited.post("a", &film, &wish(Privacy::FollowerOfCreator), &[]).unwrap_err();
    assert!(error.to_string().contains("PUBLIC_TO_EVERYONE"), "{error}");
    let accounts = audited.accounts();
    let account = accounts.named("acme", "main").unwrap();
    assert!(check_post_wish(&remix(&film, &[]), &wish(Privacy::PublicToEveryone), account).is_ok());
    assert!(accounts.named("other", "main").is_none());
}

#[test]
fn a_post_that_the_platform_refuses_says_why() {
    let behaviour = PlatformBehaviour {
        fails: Some("picture_size_check_failed".to_owned()),
        ..Default::default()
    };
    let ground = Ground::new(behaviour);
    let posted = ground.post("a", &film(1000), &wish(Privacy::SelfOnly), &[]).unwrap();
    assert_eq!(posted.state, PostState::Failed);
    assert_eq!(posted.reason.as_deref(), Some("picture_size_check_failed"));
}

#[test]
fn seven_posts_at_once_are_six_and_one_a_minute_later() {
    let ground = Ground::new(PlatformBehaviour { processing: 0, ..Default::default() });
    let film = film(1000);
    std::thread::scope(|scope| {
        for number in 0..7 {
            let (ground, film) = (&ground, &film);
            scope.spawn(move || {
                ground.post(&format!("p{number}"), film, &wish(Privacy::SelfOnly), &[]).unwrap()
            });
        }
    });
    assert_eq!(ground.server.faults(), Vec::<String>::new());
    let begun = ground.server.begun();
    assert_eq!(begun.len(), 7);
    assert!(begun[6] - begun[0] >= Duration::from_secs(59), "{:?}", begun[6] - begun[0]);
}
