/** Media type of server-sent events (HTML Living Standard, section 9.2). */
export const eventStream = 'text/event-stream';

/** Name of the event that has the reply. */
export const replyEvent = 'reply';
