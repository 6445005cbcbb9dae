//! Contracts.

use rust_decimal::Decimal;

use crate::{
    contract::{Billing, Contract, Direction, Gigabyte, Missing, Purchase, Rates, TermBound, Tier, TierMode},
    date::Date,
    id::ContractId,
    keywords,
    money::Currency,
    yaml::{Fields, Spanned},
};

#[derive(Clone, Copy, Debug)]
enum Kind {
    Percentile,
    MeanDailyPeak,
    FourthDailyPeak,
    PerGb,
    FlatPort,
    RackPower,
    PerServer,
}

keywords!(Kind {
    "percentile" => Percentile, "mean_daily_peak" => MeanDailyPeak, "fourth_daily_peak" => FourthDailyPeak,
    "per_gb" => PerGb, "flat_port" => FlatPort, "rack_power" => RackPower, "per_server" => PerServer,
});

/// A contract row: `id`, `currency`, `time_zone`, `starts`, `ends`, `notice_days`, `kind` and the kind's own keys.
pub(super) fn contract(fields: &mut Fields<'_>, id: ContractId) -> Option<Contract> {
    let currency: Option<Currency> = fields.required("currency");
    let time_zone = fields.or("time_zone", "UTC".to_owned());
    let starts: Option<Date> = fields.optional("starts");
    let ends: Option<Spanned<Date>> = fields.optional_spanned("ends");
    if let (Some(starts), Some(ends)) = (starts, ends.as_ref())
        && ends.value <= starts
    {
        fields.reader().error(ends.mark, format!("contract `{id}` ends before it starts"));
    }
    let notice_days = fields.or("notice_days", 0u32);
    let kind: Option<Kind> = fields.required("kind");
    let billing = billing(fields, kind?);
    Some(Contract {
        id,
        currency: currency?,
        time_zone,
        starts: starts.map(TermBound::Day),
        ends: ends.map(|ends| TermBound::Day(ends.value)),
        notice_days,
        billing: billing?,
    })
}

fn billing(fields: &mut Fields<'_>, kind: Kind) -> Option<Billing> {
    Some(match kind {
        Kind::Percentile => {
            let percentile = fields.optional_spanned::<Decimal>("percentile");
            if let Some(written) = percentile.as_ref()
                && (written.value <= Decimal::ZERO || written.value > Decimal::ONE_HUNDRED)
            {
                let message = format!("a percentile of {} does not exist", written.value);
                fields.reader().error_with_hint(written.mark, message, "give more than 0 and at most 100, usually 95");
            }
            let direction = fields.or("direction", Direction::MaxOfPercentiles);
            let missing = fields.or("missing", Missing::Exclude);
            let rates = rates(fields);
            Billing::Percentile {
                percentile: percentile.map_or(Decimal::from(95), |p| p.value),
                direction,
                missing,
                rates: rates?,
            }
        }
        Kind::MeanDailyPeak => {
            let direction = fields.or("direction", Direction::PercentileOfMax);
            Billing::MeanDailyPeak { direction, rates: rates(fields)? }
        }
        Kind::FourthDailyPeak => {
            let direction = fields.or("direction", Direction::PercentileOfMax);
            Billing::FourthDailyPeak { direction, rates: rates(fields)? }
        }
        Kind::PerGb => {
            let gigabyte = fields.or("gigabyte", Gigabyte::Decimal);
            let direction = fields.or("direction", Direction::Out);
            Billing::PerGb { gigabyte, direction, rates: rates(fields)? }
        }
        Kind::FlatPort => Billing::FlatPort { price: price(fields, "price")? },
        Kind::RackPower => {
            let (racks, rack_price, kwh_price) =
                (price(fields, "racks"), price(fields, "rack_price"), price(fields, "kwh_price"));
            Billing::RackPower { racks: racks?, rack_price: rack_price?, kwh_price: kwh_price? }
        }
        Kind::PerServer => {
            let purchase = fields.or("purchase", Purchase::OnDemand);
            let (price, count) = (price(fields, "price"), optional_price(fields, "count"));
            Billing::PerServer { purchase, price: price?, count: count.unwrap_or(Decimal::ZERO) }
        }
    })
}

/// A number that must not be negative.
fn price(fields: &mut Fields<'_>, key: &'static str) -> Option<Decimal> {
    let price = fields.required_spanned::<Decimal>(key)?;
    Some(not_negative(fields, key, price))
}

/// As [`price`], of a key that may be absent.
fn optional_price(fields: &mut Fields<'_>, key: &'static str) -> Option<Decimal> {
    let price = fields.optional_spanned::<Decimal>(key)?;
    Some(not_negative(fields, key, price))
}

fn not_negative(fields: &Fields<'_>, key: &str, number: Spanned<Decimal>) -> Decimal {
    if number.value.is_sign_negative() && !number.value.is_zero() {
        fields.reader().error(number.mark, format!("`{key}` is negative ({})", number.value));
    }
    number.value
}

/// `price`, or `tiers: [{up_to, price}, .., {price}]` with `tier_mode`; `commit` and `overage`.
fn rates(fields: &mut Fields<'_>) -> Option<Rates> {
    let commit = optional_price(fields, "commit").unwrap_or(Decimal::ZERO);
    let overage = optional_price(fields, "overage");
    let mode = fields.or("tier_mode", TierMode::Graduated);
    let mark = fields.mark();
    let mut tiers: Vec<Tier> = Vec::new();
    for item in fields.list("tiers") {
        let mut tier = item.fields()?;
        let up_to = tier.optional("up_to");
        let price = price(&mut tier, "price");
        tier.finish();
        let previous = tiers.last().map(|tier| tier.up_to);
        let ascending = match (previous, up_to) {
            (None, up_to) => up_to.is_none_or(|up_to| up_to > Decimal::ZERO),
            (Some(None), _) => false,
            (Some(Some(_)), None) => true,
            (Some(Some(before)), Some(up_to)) => before < up_to,
        };
        if !ascending {
            let hint = "only the last tier leaves `up_to` out";
            fields.reader().error_with_hint(item.mark(), "tiers must ascend by `up_to`", hint);
        }
        tiers.push(Tier { up_to, price: price? });
    }
    match tiers.last() {
        None => tiers.push(Tier { up_to: None, price: price(fields, "price")? }),
        Some(last) if last.up_to.is_some() => {
            fields.reader().error_with_hint(mark, "the last tier ends", "leave `up_to` out of the last tier");
        }
        Some(_) if fields.has("price") => {
            fields.reader().error_with_hint(mark, "`price` and `tiers` are both given", "give one of them");
        }
        Some(_) => {}
    }
    Some(Rates { commit, tiers, mode, overage })
}
