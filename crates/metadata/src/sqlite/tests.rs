use std::cell::RefCell;

use super::*;

#[test]
fn sqlite_conforms() {
    let folders = RefCell::new(Vec::new());
    crate::conformance::run(|| {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteMetadata::open(folder.path()).unwrap();
        folders.borrow_mut().push(folder);
        Box::new(store)
    });
}
