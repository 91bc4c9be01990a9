# SPDX-License-Identifier: MIT
# Lines by gets and puts. Usage: lines.rb server CONNECTIONS | client PORT.
require 'socket'

LONG = 'l' * 100_000
$stdout.sync = true

def answer(socket)
  socket.puts 'hello'
  while (line = socket.gets)
    socket.puts line.upcase
    break if line == "bye\n"
  end
  socket.close
end

def serve(connections)
  TCPServer.open('127.0.0.1', 0) do |listener|
    puts "port #{listener.addr[1]}"
    Array.new(connections) { Thread.new(listener.accept) { |socket| answer(socket) } }.each(&:join)
  end
end

def ask(port)
  TCPSocket.open('localhost', port) do |socket|
    puts socket.gets
    ['one', LONG, 'bye'].each do |line|
      socket.puts line
      answer = socket.gets.chomp
      puts line == LONG ? answer.length : answer
    end
    puts socket.read.empty? ? 'end' : 'more'
  end
end

ARGV[0] == 'server' ? serve(Integer(ARGV[1])) : ask(Integer(ARGV[1]))
