/** What a host is told of everything that runs. @module */

import type { ErrorCode } from "./errors.js";
import type { Limits, Runtime } from "./runtime.js";

/**
 * What one event of an object, facet or entrypoint did. The names are those of Cloudflare's trace items,
 * where it has them. Texts are as guests wrote them: treat them as untrusted input.
 */
export interface TailEvent {
  /** What the event was: a request, a method's call, an alarm, a delivery of tail events; null for a task. */
  readonly event:
    | { request: { method: string; url: string }; response?: { status: number } }
    | { rpcMethod: string }
    | { scheduledTime: Date; retryCount: number }
    | { consumedEvents: { scriptName: string }[] }
    | null;
  /** A task is what an earlier event has left behind: a timer, `waitUntil`. */
  readonly eventType: "fetch" | "rpc" | "alarm" | "tail" | "task";
  /** When it was delivered, in Unix milliseconds. */
  readonly eventTimestamp: number;
  /** Null for an entrypoint, which belongs to no object. */
  readonly namespace: string | null;
  readonly durableObjectId: string | null;
  readonly objectName: string | null;
  /** The names of the facets that lead to it; empty for the object itself. */
  readonly facets: string[];
  /** The class or export. */
  readonly entrypoint: string;
  readonly executionModel: "durableObject" | "stateless";
  readonly outcome: Outcome;
  /** CPU time of the guest in milliseconds; 0 for classes of this process. */
  readonly cpuTime: number;
  /** Milliseconds from delivery to answer. */
  readonly wallTime: number;
  readonly logs: {
    timestamp: number;
    level: "debug" | "info" | "log" | "warn" | "error";
    message: [string];
  }[];
  /** What it threw without catching it; the error that it ended with comes last. */
  readonly exceptions: { timestamp: number; name: string; message: string; stack?: string }[];
  /** Whether logs or exceptions were left out because of {@link Limits.logBytes}. */
  readonly truncated: boolean;
  /** Calls that it made to the outside. */
  readonly subrequests: number;
  /**
   * How often it called each binding of its `env`, by name: `AI`, `tools.search`, `STORE.get` for a method of a host object,
   * `globalOutbound` for `fetch()`; beyond 256 names `(others)`.
   */
  readonly bindings: Readonly<Record<string, number>>;
  /** Events that the receiver has missed since the one before. */
  readonly dropped: number;
}

/** How an event ended. */
export type Outcome =
  | "ok"
  | "exception"
  | "exceededCpu"
  | "exceededWallTime"
  | "exceededMemory"
  | "exceededStack"
  | "exceededStorage"
  | "exceededSubrequests"
  | "exceededMessage"
  | "exceededFacets"
  | "exceededDepth"
  | "canceled"
  | "aborted"
  | "internalError";

/** What {@link Runtime.metrics} answers. */
export interface Metrics {
  /** How often the bindings of guests' `env` were called, by names as in {@link TailEvent}; beyond 256 names `(others)`. */
  readonly bindings: { name: string; calls: number }[];
  /** Events by type and outcome; those that never happened are left out. */
  readonly events: { type: TailEvent["eventType"]; outcome: Outcome; count: number }[];
  /** Failed events by the code of their error. */
  readonly errors: { code: ErrorCode; count: number }[];
  /** CPU time of guests for each event, in milliseconds. */
  readonly cpuMs: Histogram;
  /** Time from delivery to answer of each event, in milliseconds. */
  readonly wallMs: Histogram;
  /** Instances that were started. */
  readonly starts: number;
  /** Instances dropped because they were idle. */
  readonly hibernations: number;
  /** Instances dropped because too many were warm. */
  readonly evictions: number;
  /** Alarms whose handler ran. */
  readonly alarmsFired: number;
  /** Alarms that failed and are tried again. */
  readonly alarmsRetried: number;
  /** Alarms given up after their last retry. */
  readonly alarmsFailed: number;
  /** Codes that were loaded. */
  readonly loads: number;
  /** Codes that a loader found in its cache. */
  readonly cacheHits: number;
  /** Log text of guests in bytes. */
  readonly logBytes: number;
  /** Tail events queued for listeners. */
  readonly tailEvents: number;
  /** Tail events dropped because a listener was too slow. */
  readonly tailEventsDropped: number;
  /** Objects and facets that have an instance now. */
  readonly warmActors: number;
  /** Databases that are open now. */
  readonly openDatabases: number;
}

/** How values are spread over ranges. */
export interface Histogram {
  /** The upper bounds of all ranges but the last, which has none. */
  readonly bounds: number[];
  /** How many values each range has. */
  readonly counts: number[];
  readonly sum: number;
}
