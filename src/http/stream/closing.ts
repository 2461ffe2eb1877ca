/** How streams are closed: the codes of RFC 6455, 7.4.1, and how long a client has to answer. */

export const NORMAL = 1000;
export const GOING_AWAY = 1001;
/** Policy violation, which stands for all that has no code of its own: here a message that takes too long to arrive. */
export const TOO_SLOW = 1008;
export const TOO_BIG = 1009;
export const TRY_AGAIN_LATER = 1013;

/** Why a connection was cut that did not. */
export const UNANSWERED = 'the close message was not answered';

/** Milliseconds a client has to answer our close message, or to read on towards it, before its connection is cut. */
export const CLOSE_GRACE_MS = 1_000;
