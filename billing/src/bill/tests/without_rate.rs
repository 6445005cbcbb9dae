//! Kinds that charge for something else than a rate: gigabytes, ports, power, servers.

use super::*;

fn per_gb(gigabyte: Gigabyte, direction: Direction) -> Contract {
    let rates = rates("100", "0.10<400,0.05", TierMode::Graduated, None);
    contract(Billing::PerGb { gigabyte, direction, rates })
}

/// 3.75e9 bytes out and a third of that in, in each of 160 slots: 600 GB out, 200 GB in.
fn six_hundred_gb(start: &str) -> Usage {
    let mut usage = Usage::new();
    for number in 0..160 {
        let mut slot = slot(at(start), number, 0, 100);
        slot.in_bytes = 1_250_000_000;
        usage.record(&"port".into(), slot).unwrap();
    }
    usage
}

#[test]
fn gigabytes_of_both_sizes() {
    let usage = six_hundred_gb("2024-04-20T00:00:00Z");
    check(
        &per_gb(Gigabyte::Decimal, Direction::Out),
        "2024-04-01T00:00:00Z",
        &usage,
        expect![[r#"
            2024-04 per_gb: 600 GB, 160 of 8640 slots
              commit from 0: 100 GB x 0.1 = 10
              overage from 100: 300 GB x 0.1 = 30
              overage from 400: 200 GB x 0.05 = 10
              = 50 EUR"#]],
    );
    check(
        &per_gb(Gigabyte::Binary, Direction::Out),
        "2024-04-01T00:00:00Z",
        &usage,
        expect![[r#"
            2024-04 per_gb: 558.793544769287109375 GiB, 160 of 8640 slots
              commit from 0: 100 GiB x 0.1 = 10
              overage from 100: 300 GiB x 0.1 = 30
              overage from 400: 158.793544769287109375 GiB x 0.05 = 7.939677238
              = 47.939677238 EUR"#]],
    );
}

#[test]
fn gigabytes_by_direction() {
    let usage = six_hundred_gb("2024-04-20T00:00:00Z");
    for (direction, expected) in [
        (Direction::In, 200),
        (Direction::Out, 600),
        (Direction::Sum, 800),
        (Direction::MaxOfPercentiles, 600),
        (Direction::PercentileOfMax, 600),
    ] {
        let contract = per_gb(Gigabyte::Decimal, direction);
        let bill = bill(&contract, &month(&contract, "2024-04-01T00:00:00Z"), &usage).unwrap();
        assert_eq!(bill.quantity, Decimal::from(expected), "{direction}");
    }
}

#[test]
fn half_a_month_has_half_the_commit_and_half_the_tiers() {
    let mut contract = per_gb(Gigabyte::Decimal, Direction::Out);
    contract.starts = Some(at("2024-04-16T00:00:00Z").into());
    check(
        &contract,
        "2024-04-01T00:00:00Z",
        &six_hundred_gb("2024-04-20T00:00:00Z"),
        expect![[r#"
            2024-04 per_gb: 600 GB, 160 of 4320 slots
              commit from 0: 50 GB x 0.1 = 5
              overage from 50: 150 GB x 0.1 = 15
              overage from 200: 400 GB x 0.05 = 20
              = 40 EUR"#]],
    );
}

#[test]
fn a_flat_port() {
    let mut contract = contract(Billing::FlatPort { price: decimal("900") });
    contract.ends = Some(at("2024-04-11T00:00:00Z").into());
    let usage = six_hundred_gb("2024-04-01T00:00:00Z");
    check(
        &contract,
        "2024-03-01T00:00:00Z",
        &usage,
        expect![[r#"
            2024-03 flat_port: 1 port
              port from 0: 1 port x 900 = 900
              = 900 EUR"#]],
    );
    check(
        &contract,
        "2024-04-01T00:00:00Z",
        &usage,
        expect![[r#"
            2024-04 flat_port: 1 port
              port from 0: 1 port x 900 x 2880/8640 = 300
              = 300 EUR"#]],
    );
}

#[test]
fn racks_and_power_by_pue() {
    let billing = Billing::RackPower { racks: decimal("2"), rack_price: decimal("500"), kwh_price: decimal("0.25") };
    let mut contract = contract(billing);
    contract.starts = Some(at("2024-04-16T00:00:00Z").into());
    let mut usage = Usage::new();
    // 12 slots at 10 kW and 12 at 20 kW, of two meters each: an hour of 20 and one of 40 kW.
    for number in 0..24_u64 {
        let start = slot(at("2024-04-16T00:00:00Z"), number as i64, 0, 0).start;
        let energy = Joules(if number < 12 { 3_000_000 } else { 6_000_000 });
        usage.record_energy(&"pdu-a".into(), start, energy).unwrap();
        usage.record_energy(&"pdu-b".into(), start, energy).unwrap();
    }
    check(&contract, "2024-04-01T00:00:00Z", &usage, expect!["contract `c1` bills power: give the PUE of its site"]);
    usage.pue = Some(decimal("1.4"));
    check(
        &contract,
        "2024-04-01T00:00:00Z",
        &usage,
        expect![[r#"
            2024-04 rack_power: 84 kWh, 24 of 4320 slots
              racks from 0: 2 rack x 500 x 4320/8640 = 500
              energy from 0: 84 kWh x 0.25 = 21
              = 521 EUR"#]],
    );
}

#[test]
fn servers_by_the_hour_and_by_the_month() {
    let mut usage = Usage::new();
    for number in 0..18 {
        let start = slot(at("2024-04-20T00:00:00Z"), number, 0, 0).start;
        usage.record_servers(&"pool".into(), start, ServerSeconds(4 * 300)).unwrap();
    }
    let bought = |purchase| {
        let mut contract = contract(Billing::PerServer { purchase, price: decimal("0.50"), count: decimal("10") });
        contract.starts = Some(at("2024-04-16T00:00:00Z").into());
        contract
    };
    for purchase in [Purchase::OnDemand, Purchase::Spot] {
        check(
            &bought(purchase),
            "2024-04-01T00:00:00Z",
            &usage,
            expect![[r#"
                2024-04 per_server: 6 server-hour, 18 of 4320 slots
                  servers from 0: 6 server-hour x 0.5 = 3
                  = 3 EUR"#]],
        );
    }
    check(
        &bought(Purchase::Reserved),
        "2024-04-01T00:00:00Z",
        &usage,
        expect![[r#"
            2024-04 per_server: 10 server
              servers from 0: 10 server x 0.5 x 4320/8640 = 2.5
              = 2.5 EUR"#]],
    );
}
