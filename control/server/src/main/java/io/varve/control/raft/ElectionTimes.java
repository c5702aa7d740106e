package io.varve.control.raft;

import java.time.Duration;

/** How long the members wait for one another, and what follows for whoever waits for them. */
final class ElectionTimes {
    /** A leader is replaced 1.5 to 3 s after it fell silent. Heartbeats go at half of the lower: an idle member must not cost CPU. */
    static final Duration SILENCE_MIN = Duration.ofMillis(1_500);

    static final Duration SILENCE_MAX = Duration.ofSeconds(3);

    /** At start nobody leads, so there is nobody to disturb: elect soon. */
    static final Duration FIRST_MIN = Duration.ofMillis(300);

    static final Duration FIRST_MAX = Duration.ofMillis(700);

    /** One request to one member. A dead one refuses at once; this is for one that hangs. */
    static final Duration REQUEST = Duration.ofSeconds(3);

    /**
     * After this Ratis' client asks another member where the leader is. Under the same id, so that a leader that was only slow does
     * nothing twice. A leader that hangs is replaced 1.5 to 3 s after it fell silent: whoever waited for it longer would miss that.
     */
    static final Duration HESITATION = Duration.ofSeconds(1);

    /** The silence is noticed, and a first vote may be split: then the members wait once more. */
    static final Duration ELECTION = SILENCE_MAX.multipliedBy(2);

    /**
     * For one question. Two elections, because the member elected first may be lost or too slow as well, and a request that
     * was under way to the first leader.
     */
    static final Duration ANSWER = ELECTION.multipliedBy(2).plus(REQUEST);

    private ElectionTimes() {}
}
