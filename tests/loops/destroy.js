// SPDX-License-Identifier: MIT
// A server that closes without a half-close: node destroy.js sends one client its first
// bytes back and destroys the socket when they are written.
'use strict';
const net = require('net');

const server = net.createServer((socket) => {
	socket.on('data', (data) => socket.write(data, () => socket.destroy()));
	socket.on('close', () => server.close());
});
server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port));
