//! What is billed by counters of ports survives the daemon that read them.

use serde_json::{Value, json};

use super::{
    weir::{Place, until},
    write::{now_millis, series},
};

const ESTATE: &str = "
providers: [{id: carrier}]
contracts: [{id: transit, currency: EUR, time_zone: ZONE, kind: per_gb, direction: sum, tiers: [{price: 1}]}]
sites: [{id: ams, kind: edge, region: eu, provider: carrier}]
nodes:
  - {id: edge, site: ams, role: edge, addresses: [192.0.2.1], port: 80, capacity: 1Gbps}
  - {id: origin, site: ams, role: origin, addresses: [192.0.2.2], port: 80, capacity: 1Gbps}
links:
  - {id: up, kind: transit, from: edge, to: origin, provider: carrier, capacity: 1Gbps, contract: transit}
customers: [{id: acme}]
domains: [{id: www.acme.test, customer: acme, origins: [origin]}]
client_groups: [{id: g, region: eu, prefixes: [10.0.0.0/8], latency: {ams: 10ms}}]
";

const PORT: [(&str, &str); 2] = [("instance", "sw1"), ("ifName", "xe-0")];
const TRAFFIC: &str = "traffic: {ports: [{link: up, labels: {instance: sw1, ifName: xe-0}}]}";
/// A poll a minute.
const MINUTE: i64 = 60_000;

/// A place whose contract is billed in a zone where it is afternoon: no test sees a month end.
fn place() -> Place {
    let place = Place::new();
    let hour = now_millis() / 3_600_000 % 24;
    let zone = if hour < 12 { "Etc/GMT-12" } else { "UTC" };
    place.write("estate.yaml", ESTATE.replace("ZONE", zone));
    place.configure(TRAFFIC);
    place
}

/// Both counters of the port, polled each minute from `from` to `to`: 1 GB in and 2 GB out a minute.
async fn poll(place: &Place, from: i64, to: i64) {
    for n in 0..=(to - from) / MINUTE {
        let counter = |metric, each: f64| series(metric, &PORT, &[(from + n * MINUTE, n as f64 * each)]);
        let counters = vec![counter("ifHCInOctets", 1e9), counter("ifHCOutOctets", 2e9)];
        let (status, said) = place.remote_write(counters).await;
        assert!(status.is_success(), "{said}");
    }
}

async fn usage(place: &Place) -> Vec<Vec<Value>> {
    let sql = "SELECT count(*), sum(in_bytes), sum(out_bytes) FROM cost.usage_5min WHERE contract = 'transit'";
    until("usage", async || place.rows_so_far(sql).await.pop().filter(|row| row[0] != 0)).await;
    place.sql(sql).await
}

/// What `weir bill` says once a bill stands at all.
async fn bill(place: &Place) -> String {
    until("a bill", async || {
        let (code, said, _) = place.ends(&["bill", "--output", "csv"]).await;
        let amount = said.lines().nth(1)?.split(',').nth(2)?.parse::<f64>().ok()?;
        (code == 0 && amount > 0.0).then_some(said)
    })
    .await
}

#[tokio::test]
async fn a_restarted_and_a_reloaded_daemon_bill_the_same_usage_of_ports() {
    let place = place();
    let mut daemon = place.run().await;
    let now = now_millis() / MINUTE * MINUTE;
    poll(&place, now - 20 * MINUTE, now).await;
    let slots = usage(&place).await;
    let before = bill(&place).await;
    assert!(before.starts_with("contract,kind,amount,"), "{before}");
    // 15 GB in a slot of 5 minutes, in polls of 20: three slots or four.
    let gigabytes = slots[0][1].as_f64().unwrap() + slots[0][2].as_f64().unwrap();
    let amount = before.lines().nth(1).unwrap().split(',').nth(2).unwrap().parse::<f64>().unwrap();
    assert!((amount - gigabytes / 1e9).abs() < 1e-6 && amount >= 45.0, "{amount} for {slots:?}");

    daemon.kill();
    let _daemon = place.run().await;
    let amount_of = |said: &str| said.lines().nth(1).map(|line| line.split(',').nth(2).unwrap().to_owned());
    assert_eq!(amount_of(&bill(&place).await), amount_of(&before));
    // Half the usage would be half the price of this: the same slots at twice the price.
    let dearer = std::fs::read_to_string(place.path("estate.yaml")).unwrap().replace("price: 1", "price: 2");
    place.write("estate.yaml", dearer);
    let answer = place.post("/api/v1/reload", "").await;
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    until("twice as much", async || {
        let said = bill(&place).await;
        (amount_of(&said)?.parse::<f64>().ok()? == 2.0 * amount).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_reload_that_is_refused_records_nothing_at_its_prices() {
    let place = place();
    let _daemon = place.run().await;
    let now = now_millis() / MINUTE * MINUTE;
    poll(&place, now - 20 * MINUTE, now).await;
    bill(&place).await;
    let highest = "SELECT max(amount), max(forecast) FROM cost.month_to_date";
    let before = place.sql(highest).await;
    let estate = std::fs::read_to_string(place.path("estate.yaml")).unwrap();
    place.write("estate.yaml", estate.replace("price: 1", "price: 1000"));
    // Found wrong, and after that month was billed at the prices of the new inventory.
    place.configure(&format!("{TRAFFIC}\nscrape: [{{job: x, targets: ['10.0.0.5:9100/metrics']}}]"));
    let answer = place.post("/api/v1/reload", "").await;
    assert_eq!(answer.status(), 422);
    // Rows are written in the order they were made: whatever the reload made is there before its audit.
    let audit = "SELECT 1 FROM ops.audit WHERE status = 422";
    until("the refusal is audited", async || place.rows_so_far(audit).await.pop()).await;
    assert_eq!(place.sql(highest).await, before);
}

#[tokio::test]
async fn a_daemon_that_was_away_when_the_month_ended_bills_it_once_at_its_start() {
    let place = place();
    let mut daemon = place.run().await;
    // The last hour of the month before, of which a daemon that starts now has seen nothing.
    let sql = "SELECT CAST(arrow_cast(date_trunc('month', now()), 'Timestamp(Millisecond, None)') AS BIGINT)";
    let month = place.sql(sql).await[0][0].as_i64().unwrap();
    let end = month - 86_400_000;
    poll(&place, end - 60 * MINUTE, end).await;
    let slots = usage(&place).await;
    let bills = "SELECT contract, amount, time FROM cost.bills";
    assert_eq!(place.rows_so_far(bills).await, Vec::<Vec<Value>>::new());
    daemon.kill();

    let mut daemon = place.run().await;
    let billed = until("a bill", async || Some(place.rows_so_far(bills).await).filter(|rows| !rows.is_empty())).await;
    let gigabytes = (slots[0][1].as_f64().unwrap() + slots[0][2].as_f64().unwrap()) / 1e9;
    assert_eq!(billed.len(), 1);
    assert_eq!(billed[0][0], json!("transit"));
    let amount = billed[0][1].as_str().map_or_else(|| billed[0][1].as_f64(), |text| text.parse().ok()).unwrap();
    assert!((amount - gigabytes).abs() < 1e-6, "{billed:?} for {slots:?}");
    assert!(!daemon.said().contains("usage was not billed"), "{}", daemon.said());
    daemon.kill();

    // A price of today changes nothing about a bill that is out.
    let dearer = std::fs::read_to_string(place.path("estate.yaml")).unwrap().replace("price: 1", "price: 2");
    place.write("estate.yaml", dearer);
    let daemon = place.run().await;
    until("the month has begun", async || {
        Some(place.rows_so_far("SELECT 1 FROM cost.month_to_date").await).filter(|rows| !rows.is_empty())
    })
    .await;
    assert_eq!(place.sql(bills).await, billed);
    assert!(!daemon.said().contains("usage was not billed"), "{}", daemon.said());
}
