package io.varve.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.api.Test;

final class ByteSizeTest {
    @Test
    void readsNumbersWithAndWithoutUnit() {
        assertThat(ByteSize.parse("4096").bytes()).isEqualTo(4096);
        assertThat(ByteSize.parse("0").bytes()).isZero();
        assertThat(ByteSize.parse("512B").bytes()).isEqualTo(512);
        assertThat(ByteSize.parse("20GiB").bytes()).isEqualTo(20L << 30);
        assertThat(ByteSize.parse(" 20 gib ").bytes()).isEqualTo(20L << 30);
        assertThat(ByteSize.parse("1.5TiB").bytes()).isEqualTo(3L << 39);
        assertThat(ByteSize.parse("7EiB").bytes()).isEqualTo(7L << 60);
    }

    @Test
    void refusesWhatIsNotASizeAndSaysWhatToWrite() {
        assertThatThrownBy(() -> ByteSize.parse("many")).hasMessageContaining("for example 20GiB");
        assertThatThrownBy(() -> ByteSize.parse("-1GiB")).hasMessageContaining("not a size");
        assertThatThrownBy(() -> ByteSize.parse("")).hasMessageContaining("not a size");
        assertThatThrownBy(() -> ByteSize.parse("20GB")).hasMessageContaining("did you mean GiB");
        assertThatThrownBy(() -> ByteSize.parse("20 parsecs")).hasMessageContaining("unknown unit 'parsecs'");
        assertThatThrownBy(() -> ByteSize.parse("0.3B")).hasMessageContaining("whole number of bytes");
        assertThatThrownBy(() -> ByteSize.parse("8EiB")).hasMessageContaining("too large");
        assertThatThrownBy(() -> ByteSize.parse("9999999999999999999")).hasMessageContaining("too large");
    }

    @Test
    void writesExactlyWhatItReadsBack() {
        var seed = System.nanoTime();
        var random = new Random(seed);
        for (var round = 0; round < 10_000; round++) {
            var size = new ByteSize(random.nextLong() >>> random.nextInt(1, 64) << random.nextInt(3) >>> 1);
            assertThat(ByteSize.parse(size.toString())).as("seed %d", seed).isEqualTo(size);
        }
        assertThat(new ByteSize(20L << 30)).hasToString("20GiB");
        assertThat(new ByteSize((1L << 30) + 1)).hasToString("1073741825B");
        assertThat(new ByteSize(0)).hasToString("0B");
    }

    @Test
    void roundsForTables() {
        assertThat(new ByteSize(0).rounded()).isEqualTo("0B");
        assertThat(new ByteSize(1023).rounded()).isEqualTo("1023B");
        assertThat(new ByteSize(1536).rounded()).isEqualTo("1.5KiB");
        assertThat(new ByteSize((1L << 30) - 1).rounded()).isEqualTo("1GiB");
        assertThat(new ByteSize(20L << 30).rounded()).isEqualTo("20GiB");
        assertThat(new ByteSize(Long.MAX_VALUE).rounded()).isEqualTo("8EiB");
    }
}
