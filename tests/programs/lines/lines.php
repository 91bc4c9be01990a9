<?php
// SPDX-License-Identifier: MIT
// Lines through streams. Usage: lines.php server CONNECTIONS | client PORT.
const LONG = 100000;

function check($done, $what)
{
	if ($done === false) {
		fwrite(STDERR, "$what\n");
		exit(1);
	}
	return $done;
}

/* The streams are not blocking, and waited for by stream_select. */
function serve_one(array &$streams, array &$lines, $stream)
{
	$id = (int)$stream;
	$data = check(fread($stream, 8192), 'fread');
	$lines[$id] .= $data;
	$over = $data === '' && feof($stream);
	while (($at = strpos($lines[$id], "\n")) !== false) {
		$line = substr($lines[$id], 0, $at + 1);
		$lines[$id] = substr($lines[$id], $at + 1);
		stream_set_blocking($stream, true);
		check(fwrite($stream, strtoupper($line)), 'fwrite');
		stream_set_blocking($stream, false);
		$over = $line === "bye\n";
	}
	if ($over) {
		unset($streams[$id]);
		fclose($stream);
	}
}

function serve(int $left)
{
	$listener = check(stream_socket_server('tcp://127.0.0.1:0', $code, $why), 'listen');
	$name = stream_socket_get_name($listener, false);
	echo 'port ', substr($name, strrpos($name, ':') + 1), "\n";
	$streams = $lines = [];
	while ($left > 0 || $streams) {
		$readable = $left > 0 ? [$listener, ...$streams] : $streams;
		$writable = $except = null;
		check(stream_select($readable, $writable, $except, 60), 'stream_select');
		foreach ($readable as $stream) {
			if ($stream !== $listener) {
				serve_one($streams, $lines, $stream);
				continue;
			}
			$stream = check(stream_socket_accept($listener), 'accept');
			fwrite($stream, "hello\n");
			stream_set_blocking($stream, false);
			$streams[(int)$stream] = $stream;
			$lines[(int)$stream] = '';
			$left--;
		}
	}
}

function ask(int $port)
{
	$stream = check(stream_socket_client("tcp://localhost:$port", $code, $why, 60), 'connect');
	echo fgets($stream);
	foreach (['one', str_repeat('l', LONG), 'bye'] as $line) {
		check(fwrite($stream, "$line\n"), 'fwrite');
		$answer = rtrim(check(fgets($stream), 'fgets'));
		echo strlen($answer) == LONG ? LONG : $answer, "\n";
	}
	echo fgets($stream) === false && feof($stream) ? "end\n" : "more\n";
	fclose($stream);
}

if ($argv[1] === 'server')
	serve((int)$argv[2]);
else
	ask((int)$argv[2]);
