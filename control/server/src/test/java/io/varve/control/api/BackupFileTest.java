package io.varve.control.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.varve.api.meta.BackupHead;
import io.varve.control.api.BackupFile.BadBackupException;
import io.varve.control.api.BackupFile.Content;
import io.varve.control.meta.MapKeyValues;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BackupFileTest {
    private static final int ENTRIES = 500;

    private static byte[] file() {
        MapKeyValues entries = new MapKeyValues();
        Random random = new Random(1);
        for (int i = 0; i < ENTRIES; i++) {
            byte[] value = new byte[random.nextInt(300)];
            random.nextBytes(value);
            entries.put(("k" + i).getBytes(StandardCharsets.UTF_8), value);
        }
        BackupHead head = BackupHead.newBuilder()
                .setClusterUuid("uuid")
                .setName("lab")
                .setTerm(3)
                .setIndex(4_711)
                .setEntries(ENTRIES)
                .build();
        return BackupFile.encode(new Content(head, entries));
    }

    @Test
    void whatIsWrittenIsRead() throws Exception {
        Content content = BackupFile.decode(file());
        assertThat(content.head().getIndex()).isEqualTo(4_711);
        assertThat(content.entries().size()).isEqualTo(ENTRIES);
        assertThat(BackupFile.encode(content)).isEqualTo(file());
    }

    @Test
    void everyFlippedBitAndEveryCutIsNoticed() {
        byte[] file = file();
        Random random = new Random(2);
        for (int i = 0; i < 300; i++) {
            byte[] damaged = file.clone();
            damaged[random.nextInt(damaged.length)] ^= (byte) (1 << random.nextInt(8));
            assertThatThrownBy(() -> BackupFile.decode(damaged)).isInstanceOf(BadBackupException.class);
            byte[] cut = Arrays.copyOf(file, random.nextInt(file.length));
            assertThatThrownBy(() -> BackupFile.decode(cut)).isInstanceOf(BadBackupException.class);
        }
    }

    @Test
    void garbageIsNamed() {
        assertThatThrownBy(() -> BackupFile.decode("a shopping list".getBytes(StandardCharsets.UTF_8)))
                .isInstanceOf(BadBackupException.class)
                .hasMessageContaining("no backup of metadata");
    }
}
