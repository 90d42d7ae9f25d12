// Audit lines: one for each decision that Kafka's authorizer would log, with fields that programs can read. What is denied is a
// warning; what is allowed is told on request. They are the log's lines that begin with "audit". A client that asks in vain
// without pause must not fill the disk: beyond so many lines a second they are counted instead, and the count is told.
import type { Clock, LogLines } from '../runtime/runtime.ts';
import type { Decision } from './authorizer.ts';
import { principalText } from './principal.ts';

const LINES_PER_SECOND_MAX = 200;

export function auditTo(log: LogLines, clock: Clock, tellsAllowed: boolean): (decision: Decision) => void {
  let secondBeganMs = Number.NEGATIVE_INFINITY;
  let lines = 0;
  return ({ subject, operation, resourceType, resourceName, allowed }) => {
    if (allowed && !tellsAllowed) return;
    const nowMs = clock.monotonicMs();
    if (nowMs - secondBeganMs >= 1000) {
      if (lines > LINES_PER_SECOND_MAX) {
        log.warn('audit lines left out', { count: lines - LINES_PER_SECOND_MAX });
      }
      secondBeganMs = nowMs;
      lines = 0;
    }
    if (++lines > LINES_PER_SECOND_MAX) return;
    const fields = {
      principal: principalText(subject.principal),
      host: subject.host,
      operation,
      resource: `${resourceType}:${resourceName}`,
    };
    if (allowed) log.info('audit access allowed', fields);
    else log.warn('audit access denied', fields);
  };
}
