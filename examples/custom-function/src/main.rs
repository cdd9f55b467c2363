//! A plan with functions of the host's own, fitted, stored, loaded and served: `cargo run -p custom-function FOLDER`, where the
//! plan is left as `plan.json`.

use std::error::Error;
use std::path::PathBuf;

use custom_function::serving::serve;
use custom_function::{Payment, fit, functions, history};
use mlcore::name::UnitId;
use mlcore_features::pipeline::Plan;
use mlcore_serve::endpoint::Request;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let plan = fit()?;
    println!("plan {}", plan.digest());
    println!("features {}", plan.feature_names_out().join(" "));
    std::fs::write(folder.join("plan.json"), plan.to_bytes()?)?;

    // A host without the functions refuses the plan, by their names and versions.
    let stored = std::fs::read(folder.join("plan.json"))?;
    if let Err(refused) = Plan::from_bytes(&stored) {
        println!("refused: {refused}");
    }

    // An endpoint that has them loads it, together with the version of a model that it goes with.
    let endpoint = serve(&plan, functions())?;

    // A payment is a row of the plan that the endpoint serves, field by field.
    let payments = Plan::from_bytes_with(&stored, &functions())?.bind::<Payment<'_>>()?;
    let (user, mut executor) = (UnitId::new("user-17")?, payments.executor());
    for payment in &history() {
        let answer = payments.with_row(payment, |row| endpoint.predict(Request::row(&user, row)))??;
        let features = payments.run(payment, &mut executor)?;
        println!("{features:?} scores {:?}", answer.outputs.tensor("score")?.values::<f64>()?);
    }
    let nameless = Payment { iban: None, ..Payment::new(20.0, 40.0, 9, "") };
    if let Err(refused) = payments.with_row(&nameless, |row| endpoint.predict(Request::row(&user, row)))? {
        println!("refused: {refused}");
    }
    Ok(())
}
