"""The sink on Elasticsearch in a build with few modules: what it cannot do is found out. Then with security, and with little room."""
import lib_search_cases as cases
from lib_search import Search

server = Search("elasticsearch")
log = cases.documents(server)
cases.rollover(server, log)
cases.kills(server)
cases.conflict(server)
cases.alerts(server)
server.stop()
secured = Search("elasticsearch", "--pressure", "1mb", "--max-content", "2mb", "--security", "admin:s3cret-word")
cases.refused(secured, "s3cret-word")
cases.narrow(secured)
