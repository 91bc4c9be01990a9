// SPDX-License-Identifier: MIT
// Files, children, plain sockets, HTTP.
const child = require('child_process');
const fs = require('fs');
const http = require('http');
const net = require('net');

fs.writeFileSync('file', 'text');
console.log(fs.readFileSync('file', 'utf8'), fs.statSync('file').size);
console.log(child.spawnSync('sh', ['-c', 'cat; exit 6'], { input: 'fed' }).status);
console.log(String(child.execSync('echo out')));

const echo = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1', () => {
    const client = net.connect(echo.address().port, '127.0.0.1', () => client.end('plain'));
    client.on('data', (data) => console.log(String(data)));
    client.on('close', () => {
        echo.close();
        web();
    });
});

function web() {
    const server = http.createServer((query, reply) => reply.end(query.url));
    server.listen(0, '127.0.0.1', () => {
        const where = { host: '127.0.0.1', port: server.address().port, path: '/page', agent: false };
        http.get(where, (reply) => {
            reply.on('data', (data) => console.log(reply.statusCode, String(data)));
            reply.on('end', () => server.close());
        });
    });
}
