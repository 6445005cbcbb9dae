//! `weir sql`.

use std::{io::IsTerminal, path::PathBuf, process::ExitCode};

use clap::Args;
use rustyline::{
    Completer, Editor, Helper, Highlighter, Hinter, Validator, completion::Pair, error::ReadlineError,
    history::FileHistory,
};

use super::{output::Output, remote::Remote};

/// Arguments of `weir sql`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  weir sql 'SELECT * FROM ops.findings ORDER BY time DESC LIMIT 5'\n  weir sql --output csv 'SHOW TABLES'\n  weir sql    (a session: Tab completes, \\q leaves)"
)]
pub(crate) struct SqlArgs {
    /// The query; without one a session begins
    query: Option<String>,
    #[command(flatten)]
    remote: Remote,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Runs the command.
pub(super) fn run(args: &SqlArgs) -> anyhow::Result<ExitCode> {
    crate::shell::block_on(async {
        match &args.query {
            Some(query) => args.output.print(&args.remote.sql(query).await?)?,
            None if std::io::stdin().is_terminal() => session(args).await?,
            None => {
                let query = std::io::read_to_string(std::io::stdin())?;
                args.output.print(&args.remote.sql(&query).await?)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Words that complete everywhere.
const KEYWORDS: [&str; 22] = [
    "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "AND", "OR", "NOT", "IN", "LIKE", "AS", "JOIN", "ON",
    "DESC", "WITH", "EXPLAIN", "ANALYZE", "count(*)", "avg(", "max(", "time",
];

#[derive(Completer, Helper, Highlighter, Hinter, Validator)]
struct Words {
    #[rustyline(Completer)]
    names: Names,
}

#[derive(Debug)]
struct Names(Vec<String>);

impl rustyline::completion::Completer for Names {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &rustyline::Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let start =
            line[..at].rfind(|c: char| !(c.is_alphanumeric() || "._*(".contains(c))).map_or(0, |before| before + 1);
        let word = line[start..at].to_lowercase();
        let fits = |name: &&String| !word.is_empty() && name.to_lowercase().starts_with(&word);
        let pair = |name: &String| Pair { display: name.clone(), replacement: name.clone() };
        Ok((start, self.0.iter().filter(fits).map(pair).collect()))
    }
}

async fn session(args: &SqlArgs) -> anyhow::Result<()> {
    let mut editor: Editor<Words, FileHistory> = Editor::new()?;
    editor.set_helper(Some(Words { names: Names(names(&args.remote).await?) }));
    let history = history_file();
    // No history yet, or none that can be read: the session goes on without.
    drop(history.as_ref().map(|file| editor.load_history(file)));
    loop {
        match editor.readline("weir> ") {
            Ok(line) if matches!(line.trim(), "\\q" | "exit" | "quit") => break,
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => {
                editor.add_history_entry(&line)?;
                match args.remote.sql(&line).await {
                    Ok(answer) => args.output.print(&answer)?,
                    Err(error) => eprintln!("{error:#}"),
                }
            }
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        }
    }
    if let Some(file) = history {
        editor.save_history(&file)?;
    }
    Ok(())
}

/// Tables and columns of the daemon, and keywords.
async fn names(remote: &Remote) -> anyhow::Result<Vec<String>> {
    use arrow::array::AsArray;
    let query = "SELECT DISTINCT table_schema || '.' || table_name AS name FROM information_schema.tables \
                 UNION SELECT DISTINCT column_name FROM information_schema.columns";
    let mut names: Vec<String> = KEYWORDS.iter().map(ToString::to_string).collect();
    for batch in remote.sql(query).await?.batches {
        let column = arrow::compute::cast(batch.column(0), &arrow::datatypes::DataType::Utf8)?;
        names.extend(column.as_string::<i32>().iter().flatten().map(str::to_owned));
    }
    Ok(names)
}

fn history_file() -> Option<PathBuf> {
    Some(PathBuf::from(std::env::var_os("HOME")?).join(".weir_history"))
}
