//! The JSON Schema for editors, out of the types. The words of a run come from `cutproof-reports`, which knows no schemas.

use cutproof_fixtures::defects::DefectKind;
use cutproof_reports::{FindingKind, OrderBroken, Part, PositionState, Scorecard, Verdict};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Defect, Scenario};

/// The schema as text, as it is committed in `scenario.schema.json`.
pub fn json_schema() -> String {
    let schema = schemars::schema_for!(Scenario);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

macro_rules! words {
    ($($name:ident: $type:ty;)+) => {
        $(pub(super) fn $name(_: &mut SchemaGenerator) -> Schema {
            let words = <$type>::ALL.map(<$type>::as_str);
            json_schema!({ "type": "string", "enum": words })
        })+
    };
}

words! {
    finding_kind: FindingKind;
    verdict: Verdict;
    order: OrderBroken;
    position_state: PositionState;
    scorecard: Scorecard;
}

pub(super) fn parts(_: &mut SchemaGenerator) -> Schema {
    let words = Part::ALL.map(Part::as_str);
    json_schema!({ "type": "array", "items": { "type": "string", "enum": words } })
}

impl JsonSchema for Defect {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Defect".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let words = DefectKind::ALL.map(DefectKind::as_str);
        json_schema!({ "type": "string", "enum": words })
    }
}
