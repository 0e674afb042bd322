//! How S3 is set up here, as far as that can be told without asking anybody.

use std::collections::HashMap;

use reprise_model::bytes::without_secrets;

/// Where S3 is and where credentials come from; no secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3Setup {
    /// The server, where it is not Amazon's.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: Option<String>,
    /// Where credentials come from, in words; `None` where only a machine's own role is left.
    pub credentials: Option<String>,
}

/// How S3 is set up here.
pub fn s3_setup() -> S3Setup {
    let names = [
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_SHARED_CREDENTIALS_FILE",
    ];
    let set: HashMap<&str, String> = names
        .into_iter()
        .filter_map(|name| Some((name, std::env::var(name).ok().filter(|v| !v.is_empty())?)))
        .collect();
    let shared = set.get("AWS_SHARED_CREDENTIALS_FILE").map(std::path::PathBuf::from);
    let own = std::env::home_dir().map(|home| home.join(".aws/credentials"));
    setup_of(&set, shared.or(own).is_some_and(|file| file.is_file()))
}

fn setup_of(set: &HashMap<&str, String>, has_file: bool) -> S3Setup {
    let first = |names: &[&str]| names.iter().find_map(|name| set.get(name)).cloned();
    let has = |name: &str| set.contains_key(name);
    let credentials = if has("AWS_ACCESS_KEY_ID") && has("AWS_SECRET_ACCESS_KEY") {
        Some("AWS_ACCESS_KEY_ID".to_owned())
    } else if let Some(profile) = set.get("AWS_PROFILE") {
        Some(format!("profile {profile}"))
    } else if has_file {
        Some("the default profile".to_owned())
    } else if has("AWS_WEB_IDENTITY_TOKEN_FILE") {
        Some("AWS_WEB_IDENTITY_TOKEN_FILE".to_owned())
    } else if has("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
        || has("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    {
        Some("the container's role".to_owned())
    } else {
        None
    };
    S3Setup {
        endpoint: first(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
            .map(|endpoint| without_secrets(&endpoint)),
        region: first(&["AWS_REGION", "AWS_DEFAULT_REGION"]),
        credentials,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn the_setup_names_no_secret() {
        let set = HashMap::from([
            ("AWS_ENDPOINT_URL", "https://me:hush@minio.example:9000/?k=hush".to_owned()),
            ("AWS_ACCESS_KEY_ID", "hush".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "hush".to_owned()),
            ("AWS_REGION", "eu-central-1".to_owned()),
        ]);
        let setup = setup_of(&set, false);
        assert!(!format!("{setup:?}").contains("hush"), "{setup:?}");
        assert_eq!(setup.endpoint.as_deref(), Some("https://minio.example:9000/"));
        assert_eq!(setup.credentials.as_deref(), Some("AWS_ACCESS_KEY_ID"));
        assert_eq!(setup_of(&HashMap::new(), true).credentials.unwrap(), "the default profile");
        assert_eq!(setup_of(&HashMap::new(), false), S3Setup::default());
    }
}
