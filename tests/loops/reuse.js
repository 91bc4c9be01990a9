// SPDX-License-Identifier: MIT
// After its last TLS connection: the numbers that node closed are others' now.
// node reuse.js PORT FILE: talks to an echo server, then reads a file and a child's output.
'use strict';
const {spawn} = require('child_process');
const fs = require('fs');
const net = require('net');

const [port, file] = process.argv.slice(2);
const socket = net.connect({host: 'localhost', family: 4, port: Number(port)});

function reuse() {
	console.log('file', fs.readFileSync(file).length);
	const child = spawn('echo', ['child'], {stdio: ['ignore', 'pipe', 'inherit']});
	child.stdout.pipe(process.stdout);
}

socket.on('connect', () => socket.write('ping'));
socket.on('data', () => socket.end());
socket.on('close', reuse);
