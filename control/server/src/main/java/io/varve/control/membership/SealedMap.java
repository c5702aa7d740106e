package io.varve.control.membership;

import com.hazelcast.core.EntryEvent;
import com.hazelcast.core.HazelcastException;
import com.hazelcast.map.IMap;
import com.hazelcast.map.listener.EntryAddedListener;
import com.hazelcast.map.listener.EntryUpdatedListener;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Consumer;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/**
 * One of the maps: bytes under text, each value with its code. A value without a good code is taken for none and counted. Calls other than
 * {@link #read} wait for the members that hold the entry, and fail with a {@link HazelcastException} or {@link IllegalStateException}.
 */
final class SealedMap {
    /** Others that write the same entry at the same time are few, and mostly none. */
    private static final int TRIES = 4;

    private final String name;
    private final IMap<String, byte[]> map;
    private final MembershipKey key;
    private final LongAdder foreign;

    /** @param foreign counts values that nobody with the key wrote */
    SealedMap(String name, IMap<String, byte[]> map, MembershipKey key, LongAdder foreign) {
        this.name = name;
        this.map = map;
        this.key = key;
        this.foreign = foreign;
    }

    /** The content, from the near cache if the map has one and it is there. Completes on any thread. */
    CompletionStage<Optional<byte[]>> read(String place) {
        return map.getAsync(place).thenApply(value -> opened(place, value));
    }

    /** The content as whoever holds it has it, past any cache. */
    Optional<byte[]> current(String place) {
        var present = map.getEntryView(place);
        return opened(place, present == null ? null : present.getValue());
    }

    /** All that is good, by place. */
    Map<String, byte[]> all() {
        Map<String, byte[]> good = new HashMap<>();
        map.getAll(map.keySet())
                .forEach((place, value) -> opened(place, value).ifPresent(content -> good.put(place, content)));
        return good;
    }

    int size() {
        return map.size();
    }

    Set<String> places() {
        return map.keySet();
    }

    void write(String place, byte[] content, Duration lives) {
        map.set(place, key.seal(name, place, content), lives.toMillis(), TimeUnit.MILLISECONDS);
    }

    /**
     * Writes, unless what is there is as new or newer: then somebody who knows more was quicker.
     *
     * @param index of a content
     * @param lives zero: for ever
     * @return whether it was written
     */
    boolean writeIfNewer(String place, byte[] content, ToLongFunction<byte[]> index, Duration lives) {
        byte[] sealed = key.seal(name, place, content);
        for (int attempt = 0; attempt < TRIES; attempt++) {
            var present = map.getEntryView(place); // Past the near cache.
            byte[] value = present == null ? null : present.getValue();
            if (value == null) {
                if (map.putIfAbsent(place, sealed, lives.toMillis(), TimeUnit.MILLISECONDS) == null) {
                    return true;
                }
                continue;
            }
            Optional<byte[]> known = opened(place, value);
            if (known.isPresent() && index.applyAsLong(known.get()) >= index.applyAsLong(content)) {
                return false;
            }
            if (map.replace(place, value, sealed)) {
                if (!lives.isZero()) {
                    map.setTtl(place, lives.toMillis(), TimeUnit.MILLISECONDS);
                }
                return true;
            }
        }
        return false;
    }

    /** Tells every new value of one place, on Hazelcast's event thread. */
    void listen(String place, Consumer<byte[]> heard) {
        final class Listener implements EntryAddedListener<String, byte[]>, EntryUpdatedListener<String, byte[]> {
            @Override
            public void entryAdded(EntryEvent<String, byte[]> event) {
                opened(place, event.getValue()).ifPresent(heard);
            }

            @Override
            public void entryUpdated(EntryEvent<String, byte[]> event) {
                opened(place, event.getValue()).ifPresent(heard);
            }
        }
        map.addEntryListener(new Listener(), place, true);
    }

    private Optional<byte[]> opened(String place, byte @Nullable [] value) {
        if (value == null) {
            return Optional.empty();
        }
        Optional<byte[]> content = key.open(name, place, value);
        if (content.isEmpty()) {
            foreign.increment();
        }
        return content;
    }
}
