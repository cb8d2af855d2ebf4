/** The smallest server with which the benchmark of the start compares a service. JavaScript, so that nothing is compiled. */
import http from 'node:http';

const server = http.createServer((_request, response) => void response.end('hello'));
server.listen(0, '127.0.0.1', () =>
  process.send({ kind: 'ready', http: `127.0.0.1:${server.address().port}`, grpc: '' }),
);
