//! A real ClickHouse server in a temporary folder.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::history::HistorySettings;

/// The user of the tests; the user `default` has no access.
pub(super) const USER: &str = "weir";
pub(super) const PASSWORD: &str = "correct horse?";

/// A server, killed when it is dropped.
pub(super) struct Server {
    folder: TempDir,
    http: u16,
    child: Option<Child>,
}

impl Server {
    /// Starts one and waits until it answers.
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        // Both ports are held at once, so that they are two.
        let held = [0; 2].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let [http, tcp] = held.map(|listener| listener.local_addr().unwrap().port());
        let config = format!(
            "<yandex><logger><level>information</level><console>1</console></logger><http_port>{http}</http_port>\
             <tcp_port>{tcp}</tcp_port><listen_host>127.0.0.1</listen_host><path>{path}/data/</path>\
             <tmp_path>{path}/tmp/</tmp_path><users_config>users.xml</users_config><timezone>Asia/Tokyo</timezone>\
             <default_profile>default</default_profile><default_database>default</default_database>\
             <mark_cache_size>5242880</mark_cache_size></yandex>"
        );
        let users = format!(
            "<yandex><profiles><default/></profiles><quotas><default/></quotas><users><{USER}>\
             <password>{PASSWORD}</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile>\
             <quota>default</quota></{USER}></users></yandex>"
        );
        fs::write(folder.path().join("config.xml"), config).unwrap();
        fs::write(folder.path().join("users.xml"), users).unwrap();
        let mut server = Self { folder, http, child: None };
        server.run();
        server
    }

    /// Starts it again after [`Server::kill`], with the data it had.
    pub(super) fn run(&mut self) {
        // Debian keeps it where only root looks.
        let debian = Path::new("/usr/sbin/clickhouse-server");
        let mut command = Command::new(if debian.exists() { debian } else { Path::new("clickhouse-server") });
        command.arg(format!("--config-file={}", self.folder.path().join("config.xml").display()));
        command.current_dir(self.folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let spawned = command.spawn();
        let mut child = spawned.unwrap_or_else(|error| {
            panic!("clickhouse-server cannot be started ({error}): run `scripts/setup --tests` first")
        });
        let mut log = BufReader::new(child.stderr.take().unwrap());
        self.child = Some(child);
        let mut said = String::new();
        while !said.contains("Ready for connections") {
            let length = log.read_line(&mut said).unwrap();
            assert!(length > 0, "clickhouse-server ended: {said}");
        }
        // What it goes on to say must be read, or it waits for a reader.
        std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
    }

    /// As a crash.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(super) fn settings(&self) -> HistorySettings {
        HistorySettings {
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
            retry_min: std::time::Duration::from_millis(1),
            ..HistorySettings::new(format!("http://127.0.0.1:{}", self.http))
        }
    }

    /// Where its data are.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs SQL on it, past everything that is tested.
    pub(super) async fn sql(&self, sql: &str) -> String {
        let client = clickhouse::Client::default().with_url(self.settings().url);
        let client = client.with_user(USER).with_password(PASSWORD);
        let answer = client.query(&sql.replace('?', "??")).fetch_bytes("TabSeparated").unwrap().collect().await;
        String::from_utf8(answer.unwrap().to_vec()).unwrap().trim_end().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
