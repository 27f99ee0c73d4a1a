//! The real registry keeps schemas, and refuses what is none.

use cutproof_testcontainers::{Error, Registry};

#[test]
fn a_registered_schema_is_found_by_its_id() {
    let mut registry = Registry::start().unwrap();
    let schema = r#"{"type":"record","name":"Order","fields":[{"name":"id","type":"long"}]}"#;
    let id = registry.register("orders-value", schema).unwrap();
    let other = registry.register("names-value", r#"{"type":"string"}"#).unwrap();
    assert_ne!(id, other);
    assert_eq!(registry.register("orders-value", schema).unwrap(), id);
    assert_eq!(registry.schema(id).unwrap(), schema);
    assert_eq!(registry.subjects().unwrap(), ["names-value", "orders-value"]);

    let unknown = registry.schema(9_999).unwrap_err();
    assert!(matches!(unknown, Error::Registry { status: 404, .. }), "{unknown}");
    let refused = registry.register("orders-value", "no schema").unwrap_err();
    assert!(matches!(refused, Error::Registry { status: 400..=499, .. }), "{refused}");

    registry.stop();
    assert!(matches!(registry.subjects().unwrap_err(), Error::Network { .. }));
}
