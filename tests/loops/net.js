// SPDX-License-Identifier: MIT
// Node's net, which asks for TCP: ask-for-tls.c turns that into ASK_PROTOCOL.
// As loop.c: node net.js server CONNECTIONS | client PORT LENGTH, or given - LENGTH: the
// client on the descriptor of ASK_GIVEN.
'use strict';
const net = require('net');

const PIECE_MAX = 4999;

function serve(connections) {
	const server = net.createServer({allowHalfOpen: true}, (socket) => {
		socket.pipe(socket);
		socket.on('close', (failed) => {
			if (!failed && --connections === 0)
				server.close();
		});
	});
	server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port));
}

function pattern(length) {
	const data = Buffer.alloc(length);
	for (let at = 0; at < length; at++)
		data[at] = at * 31 + Math.floor(at / 251);
	return data;
}

function runClient(socket, length) {
	const data = pattern(length);
	let sent = 0, received = 0;

	function sendPieces() {
		while (sent < length) {
			const end = Math.min(length, sent + (sent * 7919 % PIECE_MAX | 1));
			const more = socket.write(data.subarray(sent, end));
			sent = end;
			if (!more)
				return;
		}
		socket.end();
	}

	if (socket.connecting)
		socket.on('connect', sendPieces);
	else
		sendPieces();
	socket.on('drain', sendPieces);
	socket.on('data', (back) => {
		if (!back.equals(data.subarray(received, received + back.length)))
			throw new Error('other bytes came back');
		received += back.length;
	});
	socket.on('end', () => {
		if (received !== length)
			throw new Error('the end came too early');
	});
}

const [role, first, length] = process.argv.slice(2);

if (role === 'server')
	serve(Number(first));
else if (role === 'client')
	runClient(net.connect({host: 'localhost', family: 4, port: Number(first),
		allowHalfOpen: true}), Number(length));
else if (role === 'given')
	runClient(new net.Socket({fd: Number(process.env.ASK_GIVEN), allowHalfOpen: true}),
		Number(length));
else
	throw new Error('usage: net.js server CONNECTIONS | client PORT LENGTH | given - LENGTH');
