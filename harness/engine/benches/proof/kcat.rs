//! What people do by hand: print both topics with kcat, sort the lines, compare them. Proves no order of a key.

use std::path::Path;
use std::process::Command;

/// Arguments: kcat, source, target, a directory for the lines. Bytes are sorted as bytes: the fastest of `sort`'s ways.
const SORT_AND_COMPARE: &str = r#"
cd "$4"; export LC_ALL=C
"$1" -b "$2" -C -t bench -e -q -f '%p %T %k %h %s\n' | sort >source.sorted
"$1" -b "$3" -C -t bench -e -q -f '%p %T %k %h %s\n' | sort >target.sorted
cmp source.sorted target.sorted && echo "$(wc -l <source.sorted) lines are equal"
rm source.sorted target.sorted
"#;

/// The lines of `bench` on both clusters, by the kcat at `program`.
pub fn lines(program: &str, source: &str, target: &str, directory: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-ec", SORT_AND_COMPARE, "sh", program, source, target]).arg(directory);
    command
}
