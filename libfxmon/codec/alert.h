/*
 * codec/alert.h - alerts and their events as JSON: the bodies of POST/GET /alerts and of fx-alerts. A file, the command line and the API make the same struct.
 * Durations are numbers of seconds (30, 0.5) on the way out; on the way in also text such as "1h30m".
 */
#ifndef FXI_ALERT_CODEC_H
#define FXI_ALERT_CODEC_H
#include "base/buf.h"
#include <fxmon/plugin.h>
/** {"pair","condition","threshold", optional clear, for, cooldown, repeat, severity}: unknown, read-only, duplicate members, wrong types: FXMON_E_MALFORMED
 *  with the field (HTTP 422); bad pair, unknown condition, repeat or severity, threshold not positive, clear on the wrong side, bad duration: FXMON_E_RANGE with
 *  the field (HTTP 400); not JSON: FXMON_E_SYNTAX (422). The alert comes back active, with id 0 and version 1; *out is untouched on an error. */
int fxi_alert_decode(const char *data, size_t length, fxmon_alert *out, fxmon_error *error);
/** {id, pair, condition, threshold, active, created_at, clear?, for?, cooldown, repeat, severity, version, state?} */
bool fxi_alert_encode(const fxmon_alert *alert, const fxmon_alert_state *state, fxi_buf *out);
/** {event_id, alert_id, pair, condition, threshold, current_rate, message, kind, time, source, severity, partition, offset, suppressed?, duration?, worst?} */
bool fxi_event_encode(const fxmon_event *event, fxi_buf *out);
/** one event of GET /alerts/history: {id, alert_id, pair, rate, message, triggered_at, recorded_at, event_id, ... as above}; triggered_at is the time of the quote */
bool fxi_stored_event_encode(const fxmon_stored_event *event, fxi_buf *out);
#endif
