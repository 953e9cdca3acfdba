use anyhow::Context;

use super::{database, output};
use crate::core::{
    config::{Config, DatabaseConfig, LogConfig, LogFormat},
    http::{
        Api,
        server::{Server, Signals},
    },
    state::AppState,
};

/// Serves until the process is told to stop.
pub(super) async fn serve(config: Config) -> anyhow::Result<()> {
    // All that could refuse to start comes before the first change of the database.
    let app = AppState::builder(config).build()?;
    let api = Api::registered(app.config.env())?;
    let migrator = database::migrator(&app.config)?;
    database::wait(&app.database, &app.config).await?;
    if app.config.section::<DatabaseConfig>().auto_migrate {
        let applied = migrator.up().await?;
        if !applied.is_empty() {
            tracing::info!(?applied, "the schema is up to date");
        }
    }
    let pretty = app.config.section::<LogConfig>().format == LogFormat::Pretty;
    let server = Server::bind(app, &api).await?;
    drop(api); // The routers have what they need of it; what the document is made of would be held for as long as the service runs.
    // Before anybody is told that it runs: who knows can stop it, too.
    let mut signals = Signals::listen().context("can't listen for signals")?;
    announce(&server, pretty);
    server.run_until(async move || signals.next().await).await;
    Ok(())
}

/// Says where it is. For people the page to open is the last line, where they look.
fn announce(server: &Server, pretty: bool) {
    let url = server.url();
    let docs = server.docs_url();
    let management = server.management_address();
    if !pretty {
        let address = server.address();
        tracing::info!(%address, management = management.map(tracing::field::display), docs, "listening");
        return;
    }
    if let Some(address) = management {
        output::print_line(&format!("management  http://{address}"));
    }
    output::print_line(&format!("ready       {url}"));
    if let Some(docs) = docs {
        output::print_line(&format!("Swagger UI  {docs}"));
    }
}
