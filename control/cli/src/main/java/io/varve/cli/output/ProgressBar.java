package io.varve.cli.output;

import java.io.PrintWriter;

/**
 * Progress of long work, redrawn in place on a terminal; silent elsewhere, because a log full of bars helps nobody. One
 * thread at a time.
 */
public final class ProgressBar {
    private static final int WIDTH = 40;

    private final PrintWriter out;
    private final boolean interactive;
    private final String label;
    private String shown = "";

    /** @param interactive whether {@code out} is a terminal */
    public ProgressBar(PrintWriter out, boolean interactive, String label) {
        this.out = out;
        this.interactive = interactive;
        this.label = label;
    }

    /** Shows that {@code done} of {@code total} is done; a total of zero counts as all. */
    public void show(long done, long total, String unit) {
        if (!interactive) {
            return;
        }
        var share = total == 0 ? 1.0 : Math.min(1.0, (double) done / total);
        var filled = (int) (share * WIDTH);
        var line = "%s [%s%s] %3d%%  %d of %d %s"
                .formatted(
                        label, "#".repeat(filled), "-".repeat(WIDTH - filled), (int) (share * 100), done, total, unit);
        if (!line.equals(shown)) {
            out.print("\r" + line + " ".repeat(Math.max(0, shown.length() - line.length())));
            out.flush();
            shown = line;
        }
    }

    /** Removes the bar, so that the result stands in its place. */
    public void clear() {
        if (!shown.isEmpty()) {
            out.print("\r" + " ".repeat(shown.length()) + "\r");
            out.flush();
            shown = "";
        }
    }
}
