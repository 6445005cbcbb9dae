//! The ClickHouse server that history is exported to.

use std::path::{Path, PathBuf};

use anyhow::Context;
use weir_analyzer::HistorySettings;
use weir_model::yaml::{Fields, Spanned};

/// `clickhouse: {url, database, user, password_file | password_env}`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClickHouse {
    /// Its HTTP interface.
    url: String,
    database: Option<String>,
    user: Option<String>,
    password: Password,
}

/// Where the password is; never in the configuration itself, which many may read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Password {
    None,
    File(PathBuf),
    Environment(String),
}

impl ClickHouse {
    /// Reads the section.
    pub(super) fn read(fields: &mut Fields<'_>, folder: &Path) -> Option<Self> {
        let url = fields.required_spanned::<String>("url").filter(|url| check_url(fields, url));
        let (database, user) = (fields.optional("database"), fields.optional("user"));
        let file = fields.optional::<String>("password_file").map(|file| Password::File(folder.join(file)));
        let environment = fields.optional("password_env").map(Password::Environment);
        if file.is_some() && environment.is_some() {
            fields.reader().error(fields.mark(), "`password_file` and `password_env` are both given: give one");
        }
        let password = file.or(environment).unwrap_or(Password::None);
        Some(Self { url: url?.value, database, user, password })
    }

    /// As the engine is told, with the password.
    ///
    /// # Errors
    /// When the password cannot be read.
    pub(crate) fn settings(&self) -> anyhow::Result<HistorySettings> {
        let defaults = HistorySettings::new(&self.url);
        let password = match &self.password {
            Password::None => String::new(),
            Password::File(file) => super::read_file(file).context("the password of ClickHouse")?,
            Password::Environment(name) => {
                let missing = || format!("the password of ClickHouse: set the environment variable {name}");
                std::env::var(name).with_context(missing)?
            }
        };
        Ok(HistorySettings {
            database: self.database.clone().unwrap_or(defaults.database),
            user: self.user.clone().unwrap_or(defaults.user),
            password: password.trim_end_matches(['\r', '\n']).to_owned(),
            ..defaults
        })
    }
}

fn check_url(fields: &Fields<'_>, url: &Spanned<String>) -> bool {
    let parsed = reqwest::Url::parse(&url.value).ok();
    let good = parsed.is_some_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
    if !good {
        let message = format!("`url` is `{}`, which is not the address of an HTTP server", url.value);
        fields.reader().error_with_hint(url.mark, message, "write it as http://127.0.0.1:8123");
    }
    good
}
