"""The sink on OpenSearch: documents, rollover, deletion, kills, refused documents, alerts."""
import lib_search_cases as cases
from lib_search import Search

server = Search("opensearch")
log = cases.documents(server)
cases.rollover(server, log)
cases.deleted(server, log)
cases.kills(server)
cases.conflict(server)
cases.alerts(server)
server.stop()
cases.narrow(Search("opensearch", "--pressure", "1mb", "--max-content", "2mb"))
