package io.varve.dataplane.store.index;

import static org.assertj.core.api.Assertions.assertThat;

import io.varve.dataplane.store.index.ExtentIndex.Table;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lmdbjava.Dbi;
import org.lmdbjava.DbiFlags;
import org.lmdbjava.Env;
import org.lmdbjava.EnvFlags;

final class LmdbIndexTest {
    private static final long MAP_BYTES = 8 << 20;
    private static final byte[] KEY = "group".getBytes(StandardCharsets.US_ASCII);

    /** Builds before the return of copies knew seven tables. */
    @Test
    void opensAnIndexThatLacksTheNewestTable(@TempDir Path directory) throws IOException {
        try (Env<ByteBuffer> old = Env.create()
                .setMapSize(MAP_BYTES)
                .setMaxDbs(7)
                .open(directory.toFile(), EnvFlags.MDB_NORDAHEAD, EnvFlags.MDB_NOTLS)) {
            for (String name : List.of("meta", "stream", "extent", "extver", "alloc", "layer", "tomb")) {
                Dbi<ByteBuffer> table = old.openDbi(name, DbiFlags.MDB_CREATE);
                table.put(
                        ByteBuffer.allocateDirect(KEY.length).put(KEY).flip(),
                        ByteBuffer.allocateDirect(4).putInt(7).flip());
            }
        }
        for (int round = 0; round < 2; round++) {
            LmdbIndex index = LmdbIndex.open(directory, MAP_BYTES);
            for (Table table : Table.values()) {
                boolean isNew = table == Table.SYNC && round == 0;
                byte[] value = index.get(table, KEY);
                assertThat(value == null).as("%s", table).isEqualTo(isNew);
            }
            IndexBatch batch = new IndexBatch();
            // As long as the row of a whole slab.
            batch.put(Table.SYNC, KEY, new byte[24 + 1024]);
            batch.delete(Table.SYNC, new byte[8]);
            assertThat(index.commit(batch)).isNull();
            assertThat(index.get(Table.SYNC, KEY)).hasSize(24 + 1024);
            index.close();
        }
    }
}
