package io.varve.dataplane.disk;

import io.varve.dataplane.check.Invariant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.SplittableRandom;

/**
 * What a power cut at one moment can leave behind: for every sector that was not stable, the contents it may have. Sectors whose
 * contents are all the same are no choice. A picture of that moment: the medium may go on.
 */
public final class CrashChoices {
    private final long sizeBytes;
    private final SparseBlocks stable;
    private final List<Sector> sectors = new ArrayList<>();

    CrashChoices(SimulatedMedium medium) {
        sizeBytes = medium.sizeBytes();
        stable = medium.copyOfStable();
        medium.unstable().forEach((block, contents) -> {
            for (int sector = 0; sector < SimulatedMedium.SECTORS_PER_BLOCK; sector++) {
                addChoice(block, sector, medium.stable(block), contents);
            }
        });
    }

    /** How many sectors are uncertain. */
    public int size() {
        return sectors.size();
    }

    /** How many contents sector {@code i} may have; 0 is the one that was stable, the last the newest. */
    public int alternatives(int i) {
        return sectors.get(i).contents().size();
    }

    /** The device with the given content of each uncertain sector. */
    public SimulatedMedium image(int[] choice) {
        Invariant.check(choice.length == size(), "one choice for each sector", choice.length, size());
        SparseBlocks blocks = stable.copy();
        long patching = -1;
        byte[] patched = SimulatedMedium.ZEROS;
        for (int i = 0; i < choice.length; i++) {
            Sector sector = sectors.get(i);
            if (choice[i] == 0) {
                continue;
            }
            if (sector.block() != patching) {
                patching = sector.block();
                byte[] old = blocks.get(patching);
                patched = old == null ? SimulatedMedium.ZEROS.clone() : old.clone();
                blocks.put(patching, patched);
            }
            SimulatedMedium.copySector(sector.contents().get(choice[i]), patched, sector.number());
        }
        return SimulatedMedium.of(sizeBytes, blocks);
    }

    /**
     * At most {@code most} devices that the cut can leave. All there are, if they are that few; else all sectors old, all new, each one
     * alone new, each one alone old, as far as {@code most} reaches, and then drawn from the seed.
     */
    public Iterable<SimulatedMedium> images(int most, long seed) {
        return () -> total() <= most ? new All() : new Some(most, seed);
    }

    /** How many different devices there are; {@code Long.MAX_VALUE} if more than that. */
    public long total() {
        long total = 1;
        for (int i = 0; i < size(); i++) {
            if (total > Long.MAX_VALUE / alternatives(i)) {
                return Long.MAX_VALUE;
            }
            total *= alternatives(i);
        }
        return total;
    }

    private void addChoice(long block, int number, byte[] stableContent, List<byte[]> contents) {
        List<byte[]> distinct = new ArrayList<>();
        distinct.add(stableContent);
        for (byte[] content : contents) {
            if (distinct.stream().noneMatch(known -> sameSector(known, content, number))) {
                distinct.add(content);
            }
        }
        if (distinct.size() > 1) {
            sectors.add(new Sector(block, number, distinct));
        }
    }

    private static boolean sameSector(byte[] left, byte[] right, int sector) {
        int from = sector * SimulatedMedium.SECTOR_BYTES;
        int to = from + SimulatedMedium.SECTOR_BYTES;
        return Arrays.equals(left, from, to, right, from, to);
    }

    private record Sector(long block, int number, List<byte[]> contents) {}

    /** Counts through all choices like the wheels of a counter. */
    private final class All implements Iterator<SimulatedMedium> {
        private final int[] choice = new int[CrashChoices.this.size()];
        private boolean ended;

        @Override
        public boolean hasNext() {
            return !ended;
        }

        @Override
        public SimulatedMedium next() {
            if (ended) {
                throw new NoSuchElementException();
            }
            SimulatedMedium image = image(choice);
            int wheel = 0;
            while (wheel < choice.length && ++choice[wheel] == alternatives(wheel)) {
                choice[wheel++] = 0;
            }
            ended = wheel == choice.length;
            return image;
        }
    }

    private final class Some implements Iterator<SimulatedMedium> {
        private final int most;
        private final SplittableRandom random;
        private int number;

        Some(int most, long seed) {
            this.most = most;
            this.random = new SplittableRandom(seed);
        }

        @Override
        public boolean hasNext() {
            return number < most;
        }

        @Override
        public SimulatedMedium next() {
            if (!hasNext()) {
                throw new NoSuchElementException();
            }
            return image(choice(number++));
        }

        private int[] choice(int which) {
            int[] choice = new int[CrashChoices.this.size()];
            int single = which / 2 - 1;
            boolean isNew = which % 2 == 1;
            for (int i = 0; i < choice.length; i++) {
                int newest = alternatives(i) - 1;
                if (which < 2) {
                    choice[i] = isNew ? newest : 0;
                } else if (single < choice.length) {
                    choice[i] = i == single == isNew ? newest : 0;
                } else {
                    choice[i] = random.nextInt(alternatives(i));
                }
            }
            return choice;
        }
    }
}
