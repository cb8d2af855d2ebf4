/** Server and client of WebSockets, which are loaded together when the first of them is used. */
export { callWebSocket } from './web-socket-client.ts';
export { createWebSockets } from './web-socket-server.ts';
