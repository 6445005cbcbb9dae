//! An inventory as the daemon takes it: the model checks it, and whoever bills its contracts them.

use weir_billing::contract_check::{ContractError, check_contract};
use weir_model::{
    estate::Estate,
    inventory,
    yaml::{Diagnostics, Fields, Mark, Reader},
};

/// Reads the inventory in `text`; `file` is its name in messages.
///
/// # Errors
/// Everything that is wrong with it; of one that is whole, every contract that cannot be billed.
pub(crate) fn parse(file: &str, text: &str) -> Result<Estate, Diagnostics> {
    let estate = inventory::parse(file, text)?;
    Reader::read(file, text, |reader, mut fields| {
        for (item, contract) in fields.list("contracts").iter().zip(&estate.contracts) {
            if let (Err(error), Some(written)) = (check_contract(contract), item.fields()) {
                let place = place(written, &error);
                reader.error(place, format!("{:#}", anyhow::Error::from(error)));
            }
        }
        Some(())
    })?;
    Ok(estate)
}

/// Where a contract says what cannot be billed.
fn place(mut written: Fields<'_>, error: &ContractError) -> Mark {
    let key = match error {
        ContractError::Zone { .. } => "time_zone",
        ContractError::Percentile { .. } => "percentile",
        ContractError::Rates { .. } => "tiers",
    };
    written.any(key).map_or_else(|| written.mark(), |item| item.mark())
}
