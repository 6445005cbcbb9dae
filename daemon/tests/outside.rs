//! Tests from outside: the real `weir`, real sockets, real signals.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a helper that cannot go on fails its test")]

mod outside {
    /// Programs of others.
    mod peers;
    /// Starts `weir` and talks to it.
    mod weir;
    /// Remote write as senders speak it.
    mod write;

    mod alertmanager;
    mod apart;
    mod bad_samples;
    mod bills;
    mod check;
    mod check_rules;
    mod children;
    mod damage;
    mod delete;
    mod demo;
    mod discovery;
    mod findings;
    mod full_disk;
    mod heavy_queries;
    mod kill;
    mod lifecycle;
    mod limits;
    mod lines;
    mod one_daemon;
    mod opentelemetry;
    mod prometheus;
    mod reload;
    mod simulate;
    mod stepped_clock;
    mod tls;
    mod tokens;
    mod unserved;
    mod vmagent;
}
