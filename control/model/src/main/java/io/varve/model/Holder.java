package io.varve.model;

/**
 * Who may use a volume, as the truth had it when {@code epoch} was the newest one: each publication of a volume, and each end of one, takes an epoch of
 * its own (docs/internals/csi.md, "Fencing"). Epochs are unsigned.
 *
 * @param publication the epoch that the publication took; 0: the volume is published to no node, and for whoever shows no publication
 * @param epoch in which the volume is served, or was looked at; above {@code publication}, or the same
 */
public record Holder(int publication, int epoch) {
    public static final Holder ANYBODY = new Holder(0, 0);

    /** The answer to who shows a publication, or none. */
    public enum Verdict {
        MAY_USE,
        /** The publication is newer than all that is known here. */
        NOT_YET,
        /** The publication is over, for good; or there is one, and none was shown. */
        OVER
    }

    /**
     * What becomes of who shows that publication.
     *
     * @param shown the epoch that it took; 0: none
     */
    public Verdict judge(int shown) {
        if (shown == publication) {
            return Verdict.MAY_USE;
        }
        return Integer.compareUnsigned(shown, epoch) > 0 ? Verdict.NOT_YET : Verdict.OVER;
    }
}
