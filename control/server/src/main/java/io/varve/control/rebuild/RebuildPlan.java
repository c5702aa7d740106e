package io.varve.control.rebuild;

import io.varve.control.meta.MetaCommand;
import io.varve.control.rebuild.RebuildMemory.CopyName;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What is to be done now so that every slab has as many copies as it should, on nodes that are there and stay: docs/internals/rebuild.md. Every
 * command is compared where it is decided, so that a plan made of what was true a moment ago does no harm.
 *
 * @param steps in the order in which they should be tried
 * @param next what to remember
 * @param bytesWanted the disk group (uuid) whose copies' sizes the next round needs
 * @param waiting slabs that need a copy and get none in this round: too many are under way, copying is paused, or there is no place
 * @param placeless of these, for which there is no place
 */
public record RebuildPlan(
        List<Step> steps, RebuildMemory next, Optional<String> bytesWanted, int waiting, int placeless) {
    /**
     * Copies under way in the cluster at a time. Each access point fills some at once and paces itself; more would only mean that more slabs are
     * half done when the next node is lost. Also the fewest that keep a hundred nodes busy.
     */
    public static final int MAX_MOVING = 64;

    public RebuildPlan {
        steps = List.copyOf(steps);
    }

    /** One command and why, for the log. */
    public record Step(MetaCommand command, String why) {}

    /** The same facts and memory, the same plan. */
    public static RebuildPlan of(RebuildTruth truth, Sighted sighted, RebuildMemory memory) {
        Standing standing = new Standing(truth, sighted, memory);
        Map<CopyName, Long> newSince = newSince(truth, standing, memory);
        Set<CopyName> neverMade = new HashSet<>();
        newSince.forEach((copy, since) -> {
            if (sighted.nowMillis() - since >= truth.settings().graceMillis()) {
                neverMade.add(copy);
            }
        });
        List<Step> steps = new ArrayList<>();
        Set<Long> busy = new HashSet<>();
        Survey survey = Survey.of(standing, neverMade);
        new Retirements(standing, survey, neverMade).into(steps, busy);
        Placements placements = new Placements(standing, survey, neverMade);
        placements.into(steps, busy);
        Beginnings beginnings = new Beginnings(standing, neverMade);
        // A member that does not tell of groups is of a version that cannot apply this command either.
        if (sighted.silentGroups().isPresent()) {
            beginnings.into(steps);
        }
        boolean quiet = survey.moving == 0 && survey.leaving == 0 && steps.isEmpty();
        long quietSince = quiet ? memory.quietSince() : sighted.nowMillis();
        Balance balance = Balance.of(standing, memory, quiet, quietSince);
        balance.move().ifPresent(steps::add);
        new Openings(standing, survey, busy).into(steps);
        RebuildMemory next = new RebuildMemory(
                memory.begunMillis(),
                standing.silentSince,
                standing.groupSilentSince,
                newSince,
                quietSince,
                balance.balancing(),
                balance.restsUntil());
        int placeless = placements.placeless() + beginnings.placeless();
        return new RebuildPlan(
                steps, next, balance.bytesWanted(), placements.waiting() + beginnings.placeless(), placeless);
    }

    /**
     * The copies of a volume that are not in sync, of slabs that have as many as there should be without them: what whoever asked for fewer copies
     * does not want filled any more, whatever use it might be of.
     */
    public static List<MetaCommand> unfilled(RebuildTruth truth, Sighted sighted, RebuildMemory memory, long volume) {
        Standing standing = new Standing(truth, sighted, memory);
        return truth.volumes().stream()
                .filter(each -> each.id == volume && each.settled)
                .findFirst()
                .map(each -> new Retirements(standing, Survey.of(standing, Set.of()), Set.of()).unfilled(each))
                .orElse(List.of());
    }

    /** Copies that their disk group has yet to make; a node that is away makes none, and its own silence is what counts. */
    private static Map<CopyName, Long> newSince(RebuildTruth truth, Standing standing, RebuildMemory memory) {
        Map<CopyName, Long> since = new HashMap<>();
        for (VolumeFact volume : truth.volumes()) {
            for (int slab = 0; (volume.settled || volume.isBeingMade) && slab < volume.slabs(); slab++) {
                for (int copy = volume.from(slab); copy < volume.to(slab); copy++) {
                    if (volume.isNew(copy) && standing.isLive(volume.group(copy))) {
                        CopyName name = new CopyName(
                                volume.id,
                                volume.first + slab,
                                standing.group(volume.group(copy)).uuid());
                        since.put(name, memory.newSince().getOrDefault(name, standing.sighted.nowMillis()));
                    }
                }
            }
        }
        return since;
    }
}
