package io.varve.cli.demo;

import io.varve.cli.command.CommandFailure;
import io.varve.cli.command.ExitCode;
import io.varve.cli.demo.DemoNode.Ports;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The loopback ports of a demo's nodes. Drawn at random, so that two demos, or a demo and whatever else runs here, rarely meet; remembered,
 * because the members of the metadata group know one another by them.
 *
 * @param nodes one entry for each node
 */
record DemoPorts(List<Ports> nodes) {
    /** Below the range that the kernel gives to clients, where a port would get lost again. */
    private static final int LOWEST = 17_400;

    private static final int HIGHEST = 31_999;

    /** Of one node: management, raft, metrics and membership, then the peers' and the NBD ports, one for each disk group that may be added. */
    private static final int BLOCK = 24;

    private static final int MEMBERSHIP = 3;
    private static final int PEER = 8;
    private static final int NBD = 16;
    private static final int NUMBERS = 6;
    private static final int OLD_NUMBERS = 5;
    private static final int DRAWS = 1_000;

    DemoPorts {
        nodes = List.copyOf(nodes);
    }

    static DemoPorts choose(int count, SplittableRandom random) {
        var chosen = new ArrayList<Ports>();
        while (chosen.size() < count) {
            chosen.add(draw(chosen, random));
        }
        return new DemoPorts(chosen);
    }

    /** A block of ports that are all free now. */
    private static Ports draw(List<Ports> others, SplittableRandom random) {
        for (var draw = 0; draw < DRAWS; draw++) {
            var base = random.nextInt(LOWEST, HIGHEST - BLOCK);
            var clear = others.stream().allMatch(other -> Math.abs(other.management() - base) >= BLOCK)
                    && Stream.iterate(base, port -> port + 1).limit(BLOCK).allMatch(DemoPorts::isFree);
            if (clear) {
                return new Ports(base, base + PEER, base + 1, base + NBD, base + 2, base + MEMBERSHIP);
            }
        }
        throw new CommandFailure(
                ExitCode.FAILED, "no " + BLOCK + " free loopback ports in a row from " + LOWEST + " on", "");
    }

    /**
     * What is left of remembered ports.
     *
     * @param moved in words, what got another port
     */
    record Replaced(DemoPorts ports, List<String> moved) {}

    /**
     * Other ports in place of those that another process has. Not for a member of the metadata group, whose log names the members'
     * addresses: that is a failure which names the port.
     */
    Replaced replacingTaken(int members, SplittableRandom random) {
        var replaced = new ArrayList<Ports>();
        var moved = new ArrayList<String>();
        for (var index = 0; index < nodes.size(); index++) {
            var old = nodes.get(index);
            var name = "n" + (index + 1);
            if (index < members) {
                requireFree(name, "management", old.management());
                requireFree(name, "raft", old.raft());
            }
            var fresh = draw(Stream.concat(nodes.stream(), replaced.stream()).toList(), random);
            var ports = new Ports(
                    either(name + " management", old.management(), fresh.management(), moved),
                    either(name + " peer", old.peer(), fresh.peer(), moved),
                    either(name + " raft", old.raft(), fresh.raft(), moved),
                    either(name + " nbd", old.nbd(), fresh.nbd(), moved),
                    either(name + " metrics", old.metrics(), fresh.metrics(), moved),
                    either(name + " membership", old.membership(), fresh.membership(), moved));
            replaced.add(ports);
        }
        return new Replaced(new DemoPorts(replaced), moved);
    }

    private static void requireFree(String node, String what, int port) {
        if (!isFree(port)) {
            throw new CommandFailure(
                    ExitCode.CANNOT_LISTEN,
                    "port " + port + " is taken by another process, and the metadata group of this demo knows node "
                            + node + " by it (" + what + ")",
                    "'ss -ltnp sport = :" + port
                            + "' shows who has it; end that, or start a new demo in another --dir.");
        }
    }

    private static int either(String what, int old, int fresh, List<String> moved) {
        if (isFree(old)) {
            return old;
        }
        moved.add(what + " from port " + old + ", which another process has taken, to " + fresh);
        return fresh;
    }

    static boolean isFree(int port) {
        try (var socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    Ports of(int node) {
        return nodes.get(node);
    }

    /** As it is remembered: six numbers for each node. */
    String text() {
        return nodes.stream()
                .map(ports -> Stream.of(
                                ports.management(),
                                ports.peer(),
                                ports.raft(),
                                ports.nbd(),
                                ports.metrics(),
                                ports.membership())
                        .map(String::valueOf)
                        .collect(Collectors.joining(",")))
                .collect(Collectors.joining(";"));
    }

    static DemoPorts parse(String text) {
        var nodes = new ArrayList<Ports>();
        for (var node : text.split(";", -1)) {
            var numbers = Arrays.stream(node.split(",")).map(Integer::valueOf).toList();
            if (numbers.size() == NUMBERS) {
                nodes.add(ports(numbers, numbers.get(NUMBERS - 1)));
            } else { // Of a demo before there was a membership: five numbers for each of all nodes.
                for (var at = 0; at + OLD_NUMBERS <= numbers.size(); at += OLD_NUMBERS) {
                    nodes.add(ports(numbers.subList(at, at + OLD_NUMBERS), numbers.get(at) + MEMBERSHIP));
                }
            }
        }
        return new DemoPorts(nodes);
    }

    private static Ports ports(List<Integer> numbers, int membership) {
        return new Ports(numbers.get(0), numbers.get(1), numbers.get(2), numbers.get(3), numbers.get(4), membership);
    }
}
